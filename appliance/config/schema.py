"""The site YAML, key by key. This is the technician's manual too: every key says what it is for.

All models are frozen, refuse unknown keys and never convert: a number is not a text. What two keys
say together is checked in `cross_checks`. Secrets never stand here, only the files that hold them.
"""

from __future__ import annotations

from typing import Literal

from appliance.config.acceptance import Acceptance
from appliance.config.audit import Audit
from appliance.config.health import Health
from appliance.config.option import Section, option
from appliance.config.receiving import Dicom
from appliance.config.retention import Retention
from appliance.config.screen import Screen
from appliance.config.updates import Update
from appliance.config.values import (
    AbsolutePath,
    AeTitle,
    EmailAddress,
    Host,
    Line,
    Name,
    Port,
    PrinterUri,
    TimeZone,
)
from appliance.domain import Bone, FractureType


class SiteIdentity(Section):
    """Who and where this box is."""

    name: Line = option("Name of the site, shown in every alert", example="Qinghe County Hospital")
    language: Literal["en", "zh"] = option("Language of alerts and pages", example="en")
    time_zone: TimeZone = option("Time zone of the times in alerts", example="Asia/Shanghai")


class Completeness(Section):
    """When a study is taken as complete where the images themselves do not tell."""

    quiet_seconds: float = option(
        "Time without a new image",
        default=8.0,
        example=8.0,
        unit="seconds",
        at_least=0.1,
        at_most=600,
    )
    longest_wait_seconds: float = option(
        "Longest time from the first image to an analysis, whatever is missing",
        default=300.0,
        example=300.0,
        unit="seconds",
        at_least=1,
        at_most=3600,
    )


class PackUse(Section):
    """How one model pack is used."""

    name: Name = option("Name of the pack", example="ct-thorax-fracture")
    runtime: Literal["auto", "openvino", "onnxruntime"] = option(
        "Which runtime computes", default="auto", example="auto"
    )
    device: Literal["auto", "cpu", "gpu", "npu", "cuda"] = option(
        "What it computes on; `auto` takes the fastest that passes the pack's own cases",
        default="auto",
        example="auto",
    )
    alert_threshold: float | None = option(
        "Score from which a finding may alert, instead of the pack's own; never below the score "
        "from which the pack reports",
        default=None,
        example=0.6,
        at_least=0.05,
        at_most=0.95,
        shown=False,
    )


class Packs(Section):
    """The model packs."""

    folder: AbsolutePath = option(
        "Folder with one subfolder for each pack",
        default="/usr/share/osteon/models",
        example="/usr/share/osteon/models",
    )
    use: tuple[PackUse, ...] = option(
        "The packs to use; left out: all packs of the folder, as they come",
        default=(),
        example=[{"name": "ct-thorax-fracture", "device": "cpu"}],
        shown=False,
    )


class UrgencyRule(Section):
    """One line of the urgency table; all of its conditions must hold."""

    name: Name = option(
        "Name of the line; that of a built-in line replaces it", example="any-vertebra"
    )
    urgent: bool = option("Whether these findings alert", example=True)
    bones: tuple[Bone, ...] = option(
        "Bones it is about; left out: any", default=(), example=["vertebra"]
    )
    types: tuple[FractureType, ...] = option(
        "Types of fracture it is about; left out: any", default=(), example=["displaced"]
    )
    level: Literal["report", "alert"] = option(
        "Which of the pack's own two scores a finding must reach", default="report", example="alert"
    )
    minimum_score: float | None = option(
        "Score that a finding must reach, instead of `level`",
        default=None,
        example=0.8,
        at_least=0.0,
        at_most=1.0,
    )
    minimum_count: int = option(
        "How many such findings the study must have", default=1, example=1, at_least=1, at_most=50
    )


class Pacs(Section):
    """A PACS that gets the result objects."""

    name: Name = option("Name of the PACS in Osteon's own messages", example="main")
    ae_title: AeTitle = option("AE title of the PACS", example="PACS", quoted=True)
    host: Host = option("Its host name or address", example="192.168.10.5")
    port: Port = option("Its TCP port", example=104)
    tls: bool = option("Whether it takes DICOM over TLS only", default=False, example=False)
    ca_file: AbsolutePath | None = option(
        "PEM file with the authority of its certificate; left out: those of the system",
        default=None,
        example="/etc/osteon/pacs-ca.crt",
        shown=False,
    )


class Results(Section):
    """The result objects."""

    send_below_threshold: bool = option(
        "Whether a study without an urgent finding gets objects too", default=False, example=False
    )


class Mail(Section):
    """The mail server. Mails hold no patient data, and are encrypted all the same."""

    host: Host = option("Host name, as in the server's certificate", example="mail.qinghe.example")
    port: Port = option("TCP port: mostly 587 for starttls, 465 for tls", example=587)
    security: Literal["starttls", "tls"] = option("How it is encrypted", example="starttls")
    sender: EmailAddress = option("Address that alerts come from", example="osteon@qinghe.example")
    login: Line | None = option(
        "User name, where the server wants one", default=None, example="box"
    )
    password_file: AbsolutePath | None = option(
        "File with the password on its first line, mode 600",
        default=None,
        example="/etc/osteon/mail-password",
    )
    ca_file: AbsolutePath | None = option(
        "PEM file with the authority of its certificate; left out: those of the system",
        default=None,
        example="/etc/osteon/mail-ca.crt",
        shown=False,
    )


class Printer(Section):
    """A printer for alert pages, which name the patient."""

    name: Name = option("Name used in the alert steps", example="night-desk")
    uri: PrinterUri = option("Its IPP address", example="ipp://192.168.10.9/ipp/print")
    counts_pages: bool = option(
        "Whether it reports how many pages came out; false for one that reports none",
        default=True,
        example=False,
    )
    ca_file: AbsolutePath | None = option(
        "PEM file with the authority of its certificate (ipps)",
        default=None,
        example="/etc/osteon/printer-ca.crt",
        shown=False,
    )


class AlertStep(Section):
    """Whom an alert reaches at once."""

    email: tuple[EmailAddress, ...] = option(
        "Addresses that get a mail", default=(), example=["night@qinghe.example"]
    )
    printers: tuple[Name, ...] = option(
        "Printers that print the page", default=(), example=["night-desk"]
    )


class Technician(Section):
    """Who is told when the box itself needs help."""

    email: tuple[EmailAddress, ...] = option(
        "Addresses that get technical messages", example=["it@qinghe.example"], fewest=1
    )


class Alerts(Section):
    """Who is told, and what happens when nobody answers."""

    unacknowledged_after_minutes: float = option(
        "Time for somebody to acknowledge before the next step is told",
        default=10.0,
        example=10.0,
        unit="minutes",
        at_least=0.05,
        at_most=120,
    )
    steps: tuple[AlertStep, ...] = option(
        "Who is told first, and who is told next; the last step is told again and again",
        example=[
            {"email": ["night@qinghe.example"], "printers": ["night-desk"]},
            {"email": ["chief@qinghe.example"], "printers": ["night-desk"]},
        ],
        fewest=1,
    )
    technician: Technician = option("Who looks after the box", example={})


class Analysis(Section):
    """What one analysis may take before it is given up and a person is told."""

    decode_seconds: float = option(
        "Time to decode one series",
        default=120.0,
        example=120.0,
        unit="seconds",
        at_least=1,
        at_most=3600,
    )
    decode_memory_mib: int = option(
        "Memory of the decoding process",
        default=2560,
        example=2560,
        unit="MiB",
        at_least=256,
        at_most=65_536,
    )
    inference_seconds: float = option(
        "Time for one model pack on one series",
        default=180.0,
        example=180.0,
        unit="seconds",
        at_least=1,
        at_most=3600,
    )


class Site(Section):
    """The whole site YAML."""

    site: SiteIdentity = option("Who and where this box is", example={})
    state_folder: AbsolutePath = option(
        "Folder for received images and ledgers, all sealed; on a disk with room for some days",
        default="/var/lib/osteon",
        example="/var/lib/osteon",
    )
    master_key_file: AbsolutePath | None = option(
        "File with the master key, mode 600 or 400; left out: the systemd credential `master-key`",
        default=None,
        example="/etc/osteon/master.key",
    )
    device_key_file: AbsolutePath | None = option(
        "File with the device's private key (PEM), for tests on a bench; left out: the systemd "
        "credential `osteon-device-key`",
        default=None,
        example="/etc/osteon/device.key",
        shown=False,
    )
    dicom: Dicom = option("Receiving images", example={})
    completeness: Completeness = option(
        "When a study is complete, where its images do not tell",
        default=Completeness(),
        example={},
        shown=False,
    )
    packs: Packs = option("The model packs", default=Packs(), example={})
    acceptance: Acceptance = option(
        "What a model must show on the site's own labelled set, for `osteon accept`",
        default=Acceptance(),
        example={},
        shown=False,
    )
    urgency: tuple[UrgencyRule, ...] = option(
        "Which findings alert, beside the built-in table: the first line that fits decides",
        default=(),
        example=[
            {"name": "any-vertebra", "bones": ["vertebra"], "urgent": True},
            {"name": "minor-rib", "bones": ["rib"], "types": ["buckle"], "urgent": True},
        ],
        shown=False,
    )
    pacs: tuple[Pacs, ...] = option(
        "Where result objects go; left out: nowhere",
        default=(),
        example=[{"name": "main", "ae_title": "PACS", "host": "192.168.10.5", "port": 104}],
    )
    results: Results = option("The result objects", default=Results(), example={})
    mail: Mail = option("The mail server", example={})
    printers: tuple[Printer, ...] = option(
        "The printers for alert pages",
        default=(),
        example=[{"name": "night-desk", "uri": "ipp://192.168.10.9/ipp/print"}],
    )
    alerts: Alerts = option("Who is told, and what happens when nobody answers", example={})
    health: Health = option(
        "What the technician is told about the box itself", default=Health(), example={}
    )
    audit: Audit = option(
        "Where the audit trail is sent, beside the one that the box keeps",
        default=Audit(),
        example={},
        shown=False,
    )
    retention: Retention = option(
        "How long finished studies are kept; one that is not finished and told is never deleted",
        default=Retention(),
        example={},
    )
    screen: Screen = option(
        "The screen at the box, and the technician's menu behind it",
        default=Screen(),
        example={},
        shown=False,
    )
    update: Update = option("Updates of the model packs", default=Update(), example={}, shown=False)
    analysis: Analysis = option(
        "What one analysis may take", default=Analysis(), example={}, shown=False
    )
