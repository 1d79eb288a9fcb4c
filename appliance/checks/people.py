"""The ways to people: mail server and printers. Nothing is mailed, nothing is printed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from appliance.alerts.catalogue import load
from appliance.alerts.email import EmailChannel
from appliance.alerts.printer import PrinterChannel
from appliance.checks.certificates import judged
from appliance.checks.probe import Probe, Surroundings, none_here
from appliance.checks.result import CheckResult, ok, warning
from appliance.config.schema import Printer
from appliance.config.secrets import read_secret
from appliance.daemon.deliver_role import mail_settings, printer_settings
from appliance.errors import Notice

_PASSWORD_OF_THE_UNIT: Final = Path("/etc/osteon/mail-password")
"""What `osteon-deliver.service` gets as its credential where the site YAML names no file."""
_ANSWER_S: Final = 6.0
_WHOLE_S: Final = 15.0


def mail(around: Surroundings) -> tuple[Probe, ...]:
    """Connect, encrypt, log in."""
    return (Probe("mail server", partial(_mail, around)),)


def printers(around: Surroundings) -> tuple[Probe, ...]:
    """Ask each printer for its state."""
    return tuple(
        Probe(f"printer {each.name}", partial(_printer, each)) for each in around.site.printers
    ) or none_here("printers")


def _mail(around: Surroundings) -> CheckResult:
    site = around.site
    settings = replace(mail_settings(site), answer_s=_ANSWER_S, whole_s=_WHOLE_S)
    login = "logged in" if settings.user else "no login wanted"
    if settings.user and not settings.password:
        settings = replace(settings, password=read_secret(_PASSWORD_OF_THE_UNIT))
    ends_at = EmailChannel(settings, load(site.site.language), around.clock).greet()
    found = f"{settings.host}:{settings.port} answers inside TLS, {login}"
    return judged("mail server", "mail.host", ends_at, around.clock.now(), found)


def _printer(settings: Printer) -> CheckResult:
    name = f"printer {settings.name}"
    wants = PrinterChannel(replace(printer_settings(settings), request_s=_ANSWER_S)).ask()
    if wants:
        return warning(name, Notice("printer-complains", ", ".join(wants)))
    return ok(name, "ready")
