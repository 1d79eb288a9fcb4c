"""DICOM both ways: each PACS, our own listener, and which modalities have been heard of."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from pydicom import uid

from appliance.checks.probe import Probe, Surroundings, none_here
from appliance.checks.result import CheckResult, ok, warning
from appliance.clock import Clock
from appliance.config.receiving import Modality
from appliance.config.schema import Pacs as PacsSettings
from appliance.config.schema import Site
from appliance.daemon.deliver_role import pacs_peer
from appliance.daemon.state import StateFolder
from appliance.errors import CheckError, DeliveryError, Notice, StorageError
from appliance.ledger.intake import IntakeLedger
from appliance.phantom import CALLING_AE_TITLE, here
from appliance.pipeline.deliver.pacs import Pacs, PacsPeer, Patience

_PATIENCE: Final = Patience(connect_s=5.0, negotiate_s=5.0, answer_s=6.0)
_RESULTS: Final = (uid.Comprehensive3DSRStorage, uid.SecondaryCaptureImageStorage)
"""What the box stores in a PACS."""
_QUIET_S: Final = 7 * 86_400.0


def pacs(around: Surroundings) -> tuple[Probe, ...]:
    """C-ECHO to each PACS, and whether it takes what the box would send."""
    own_title = around.site.dicom.ae_title
    return tuple(
        Probe(f"PACS {each.name}", partial(_pacs, each, own_title)) for each in around.site.pacs
    ) or none_here("PACS")


def listener(around: Surroundings) -> tuple[Probe, ...]:
    """C-ECHO to ourselves."""
    return (Probe("listener", partial(_listener, around.site)),)


def modalities(around: Surroundings) -> tuple[Probe, ...]:
    """When each configured modality last sent."""
    return tuple(
        Probe(f"modality {each.ae_title}", partial(_modality, each, around))
        for each in around.site.dicom.modalities
    )


def _pacs(settings: PacsSettings, own_title: str) -> CheckResult:
    name = f"PACS {settings.name}"
    refused = Pacs(pacs_peer(settings), own_title, _PATIENCE).verify(_RESULTS)
    if refused:
        names = ", ".join(uid.UID(each).name for each in refused)
        raise DeliveryError("pacs-refuses-class", names)
    return ok(name, f"{settings.ae_title} answers and takes reports and pictures")


def _listener(site: Site) -> CheckResult:
    """As the check itself: an AE title that only this machine may use."""
    own = PacsPeer(site.dicom.ae_title, here(site.dicom.address).host, site.dicom.port)
    try:
        Pacs(own, CALLING_AE_TITLE, _PATIENCE).verify(())
    except DeliveryError as error:
        raise CheckError("receiver-silent", _why(error)) from error
    return ok("listener", f"{site.dicom.ae_title} answers on port {site.dicom.port}")


def _why(error: DeliveryError) -> str:
    return error.code.removeprefix("pacs-").replace("-", " ")


def _modality(modality: Modality, around: Surroundings) -> CheckResult:
    name = f"modality {modality.ae_title}"
    last = _last_sent(modality.ae_title, around.site)
    if last is None:
        return warning(name, Notice("modality-never-sent", modality.ae_title))
    ago = _ago(last, around.clock)
    if around.clock.now() - last > _QUIET_S:
        return warning(name, Notice("modality-quiet", f"{modality.ae_title}: {ago}"))
    return ok(name, f"last sent {ago}")


def _last_sent(title: str, site: Site) -> float | None:
    try:
        # Not `state_folder`: a check makes no folder.
        ledger = IntakeLedger(StateFolder(Path(site.state_folder)).intake, read_only=True)
    except StorageError as error:
        if error.code == "ledger-missing":
            return None
        raise
    try:
        return ledger.last_heard(title)
    finally:
        ledger.close()


def _ago(moment: float, clock: Clock) -> str:
    minutes = max(0.0, clock.now() - moment) / 60
    if minutes < 120:  # noqa: PLR2004 - minutes are read more easily up to two hours
        return f"{minutes:.0f} min ago"
    hours = minutes / 60
    return f"{hours:.0f} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"  # noqa: PLR2004 - likewise
