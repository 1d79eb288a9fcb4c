"""The site YAML, key by key. This is the technician's manual too: every key says what it is for.

All models are frozen, refuse unknown keys and never convert: a number is not a text. What two keys
say together is checked in `cross_checks`. Secrets never stand here, only the files that hold them.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from appliance.config.values import (
    AbsolutePath,
    AeTitle,
    EmailAddress,
    Host,
    Line,
    ListenAddress,
    Name,
    Network,
    Port,
    PrinterUri,
    TimeZone,
)
from appliance.domain import Bone, FractureType

REQUIRED: Final = ...


class Section(BaseModel):
    """A mapping of the site YAML."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def option(  # noqa: PLR0913 - a key is described in one place
    description: str,
    *,
    example: Any,  # noqa: ANN401 - any YAML value
    default: Any = REQUIRED,  # noqa: ANN401 - of the field's own type
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    fewest: int | None = None,
    shown: bool = True,
    quoted: bool = False,
) -> Any:  # noqa: ANN401 - pydantic's `Field` is declared so too
    """One key: what it is for, an example, its unit and bounds.

    fewest: of a list, how many items it must have. shown: whether the example file has it in use,
    or only as a comment. quoted: whether the example file puts it in quotes.
    """
    return Field(
        default,
        description=description,
        examples=[example],
        ge=at_least,
        le=at_most,
        min_length=fewest,
        json_schema_extra={"unit": unit, "shown": shown, "quoted": quoted},
    )


class SiteIdentity(Section):
    """Who and where this box is."""

    name: Line = option("Name of the site, shown in every alert", example="Qinghe County Hospital")
    language: Literal["en", "zh"] = option("Language of alerts and pages", example="en")
    time_zone: TimeZone = option("Time zone of the times in alerts", example="Asia/Shanghai")


class ListenerTls(Section):
    """The encrypted DICOM listener, beside the plain one."""

    port: Port = option("TCP port for DICOM over TLS", example=2762)
    certificate_file: AbsolutePath = option(
        "PEM file with this box's certificate and its chain", example="/etc/osteon/dicom.crt"
    )
    key_file: AbsolutePath = option(
        "PEM file with the certificate's private key, mode 600", example="/etc/osteon/dicom.key"
    )
    ca_file: AbsolutePath | None = option(
        "PEM file with the authorities that signed the modalities' certificates",
        default=None,
        example="/etc/osteon/dicom-ca.crt",
    )
    require_client_certificate: bool = option(
        "Whether a modality must show a certificate", default=False, example=True
    )


class ListenerLimits(Section):
    """How much of the box a peer may hold, and for how long."""

    associations: int = option(
        "Associations open at once; each known modality keeps a place of its own",
        default=24,
        example=24,
        at_least=1,
        at_most=500,
    )
    associations_per_peer: int = option(
        "Of these, open at once by one modality", default=8, example=8, at_least=1, at_most=100
    )
    request_seconds: float = option(
        "From connecting to a whole association request",
        default=5.0,
        example=5.0,
        unit="seconds",
        at_least=0.5,
        at_most=60,
    )
    idle_seconds: float = option(
        "Silence after which an association is aborted",
        default=60.0,
        example=60.0,
        unit="seconds",
        at_least=1,
        at_most=3600,
    )
    maximum_pdu_bytes: int = option(
        "Longest protocol data unit that is announced and taken",
        default=131_072,
        example=131_072,
        unit="bytes",
        at_least=16_384,
        at_most=1_048_576,
    )
    keep_free_mib: int = option(
        "Room on the disk that images may not take, so that alerts still get out",
        default=1024,
        example=1024,
        unit="MiB",
        at_least=16,
        at_most=1_048_576,
    )


class Modality(Section):
    """A device that may send images."""

    ae_title: AeTitle = option("AE title with which it calls", example="CT_1", quoted=True)
    address: Network = option("Host or network from which it sends", example="192.168.10.21")


class Dicom(Section):
    """Receiving images."""

    ae_title: AeTitle = option("AE title of this box", example="OSTEON", quoted=True)
    address: ListenAddress = option(
        "Address of this machine on which it listens; 0.0.0.0 is all of them",
        default="0.0.0.0",  # noqa: S104 - only known modalities may associate
        example="0.0.0.0",  # noqa: S104 - as above
    )
    port: Port = option("TCP port of the plain listener", default=11112, example=11112)
    tls: ListenerTls | None = option(
        "DICOM over TLS, on a port of its own", default=None, example={}, shown=False
    )
    limits: ListenerLimits = option(
        "Limits that hold for every peer", default=ListenerLimits(), example={}, shown=False
    )
    modalities: tuple[Modality, ...] = option(
        "The devices that may send; nobody else is answered",
        example=[
            {"ae_title": "CT_1", "address": "192.168.10.21"},
            {"ae_title": "DR_1", "address": "192.168.20.0/24"},
        ],
        fewest=1,
    )


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
    inference_memory_mib: int = option(
        "Memory of the inference process",
        default=3072,
        example=3072,
        unit="MiB",
        at_least=512,
        at_most=65_536,
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
    dicom: Dicom = option("Receiving images", example={})
    completeness: Completeness = option(
        "When a study is complete, where its images do not tell",
        default=Completeness(),
        example={},
        shown=False,
    )
    packs: Packs = option("The model packs", default=Packs(), example={})
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
    analysis: Analysis = option(
        "What one analysis may take", default=Analysis(), example={}, shown=False
    )


def section_of(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - any annotation
    """The section within `Section`, `Section | None` or `tuple[Section, ...]`, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_of, get_args(annotation))), None)


def bounds(info: FieldInfo) -> tuple[float, float] | None:
    """Lowest and highest number that a key takes, both included."""
    low = next((rule.ge for rule in info.metadata if isinstance(rule, Ge)), None)
    high = next((rule.le for rule in info.metadata if isinstance(rule, Le)), None)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return low, high
    return None
