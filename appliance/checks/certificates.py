"""How long the certificates that the site YAML names are good for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from appliance.checks.probe import Probe, Surroundings, none_here
from appliance.checks.result import CheckResult, failed, ok, warning
from appliance.daemon.certificate_ends import certificate_files, ends_at
from appliance.daemon.receive_role import tls_context
from appliance.errors import CheckError, Notice

_DAY_S: Final = 86_400.0
_SOON_DAYS: Final = 30.0


def certificates(around: Surroundings) -> tuple[Probe, ...]:
    """One for each file. The mail server's own is judged where it is met."""
    return tuple(
        Probe(f"certificate {key}", partial(_file, key, file, around))
        for key, file in certificate_files(around.site)
    ) or none_here("certificates")


def judged(name: str, key: str, until: float, now: float, found: str) -> CheckResult:
    """What to say about something whose certificate ends at that second of wall time."""
    days = (until - now) / _DAY_S
    if days < 0:
        return failed(name, CheckError("certificate-expires", f"{key}: {-days:.0f} days ago"))
    if days < _SOON_DAYS:
        return warning(name, Notice("certificate-expires", f"{key}: in {days:.0f} days"))
    return ok(name, f"{found}; its certificate is good for {days:.0f} days")


def _file(key: str, file: Path, around: Surroundings) -> CheckResult:
    tls = around.site.dicom.tls
    if tls is not None and file == Path(tls.certificate_file):
        tls_context(tls)  # certificate, key and authority fit each other
    return judged(f"certificate {key}", key, ends_at(key, file), around.clock.now(), "readable")
