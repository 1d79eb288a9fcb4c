"""What a box tells its maker of its models and its system: versions, states, faults; pure.

Figures over many studies, and codes: nothing of a patient, nothing of one study.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from appliance.errors import UpdateError
from appliance.ledger.models import ModelState
from appliance.update.history import Entry, Happening
from appliance.update.judge import Fault
from appliance.update.os.record import OsFault, OsRecord
from appliance.update.slots import Setback, Slot
from appliance.update.states import UpdateState
from appliance.update.times import to_iso
from appliance.update.trial import Trial, median

PAYLOAD_TYPE: Final = "application/vnd.osteon.fleet-status+json"
MOST_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class PackStatus:
    """One pack name on one box.

    active, previous, candidate: versions, empty where there is none; digest: of the active one.
    since: when the state began (ISO 8601, UTC). studies, alerts: read by the active pack, and how
    many of them it saw something urgent in. agreement: share of the shadow's studies in which both
    packs came to the same; None before any. latency_s: median of the newest readings on trial.
    fault: why the pack is down or runs elsewhere than asked, as a code.
    set_back, reason, detail, set_back_at: the newest pack that failed here, and why.
    """

    state: UpdateState
    since: str
    active: str = ""
    digest: str = ""
    previous: str = ""
    candidate: str = ""
    runtime: str = ""
    device: str = ""
    fault: str = ""
    studies: int = 0
    alerts: int = 0
    trial_studies: int = 0
    agreement: float | None = None
    latency_s: float | None = None
    set_back: str = ""
    reason: str = ""
    detail: str = ""
    set_back_at: str = ""


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The system image of one box.

    name, running: `IMAGE_ID` and `IMAGE_VERSION`. state: empty before the installing unit has run.
    previous, candidate: versions, empty where there is none. set_back, reason, detail, set_back_at:
    the newest image that failed or was taken back here, and why.
    """

    name: str
    running: str
    state: str = ""
    since: str = ""
    previous: str = ""
    candidate: str = ""
    set_back: str = ""
    reason: str = ""
    detail: str = ""
    set_back_at: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """One box.

    product: its version. checked_at: the latest check that found the metadata good; failed_at and
    failure (a code): the latest that did not, where it came later; else empty. os: None on a
    machine that was not flashed with an image.
    """

    format: Literal[1]
    device_id: str
    at: str
    product: str
    checked_at: str
    failed_at: str
    failure: str
    packs: Mapping[str, PackStatus]
    os: SystemStatus | None = None

    def to_json(self) -> bytes:
        """The payload that the box signs."""
        return _STATUS.dump_json(self, indent=1)

    @classmethod
    def parse(cls, content: bytes) -> Status:
        """Read it strictly. Raises UpdateError: `update-status-invalid`."""
        if len(content) > MOST_BYTES:
            raise UpdateError("update-status-invalid", "too long")
        try:
            return _STATUS.validate_json(content)
        except ValidationError as error:
            raise UpdateError("update-status-invalid", f"{error.error_count()} faults") from None


@dataclass(frozen=True, slots=True)
class System:
    """The running system image, and what the installing unit remembers; None before it has run."""

    name: str
    running: str
    record: OsRecord | None


@dataclass(frozen=True, slots=True)
class Known:
    """All that a status is made from; `models` by pack name, `entries` oldest first."""

    device_id: str
    product: str
    slots: Mapping[str, Slot]
    models: Mapping[str, ModelState]
    entries: Iterable[Entry]
    system: System | None = None


def status_of(known: Known, now: float) -> Status:
    """The box as it stands."""
    entries = tuple(known.entries)
    checked = _newest(entries, Happening.CHECKED)
    failed = _newest(entries, Happening.FAILED)
    if checked and failed and failed.at < checked.at:
        failed = None
    packs = {
        name: _pack(slot, known.models.get(name)) for name, slot in sorted(known.slots.items())
    }
    return Status(
        1,
        known.device_id,
        to_iso(now),
        known.product,
        checked.at if checked else "",
        failed.at if failed else "",
        str(failed.details.get("code", "")) if failed else "",
        packs,
        _system(known.system) if known.system else None,
    )


def _system(system: System) -> SystemStatus:
    record = system.record
    if record is None:
        return SystemStatus(system.name, system.running)
    setback = record.setback
    return SystemStatus(
        name=system.name,
        running=system.running,
        state=record.state,
        since=to_iso(record.since),
        previous=record.previous.version if record.previous else "",
        candidate=record.candidate.version if record.candidate else "",
        set_back=setback.version if setback else "",
        reason=setback.reason if setback else "",
        # What a person wrote stays on the box.
        detail=setback.detail if setback and setback.reason != OsFault.BY_HAND else "",
        set_back_at=to_iso(setback.at) if setback else "",
    )


def _newest(entries: Iterable[Entry], what: Happening) -> Entry | None:
    return next((each for each in reversed(tuple(entries)) if each.what is what), None)


def _pack(slot: Slot, model: ModelState | None) -> PackStatus:
    shadow: Trial = slot.trial if slot.state is UpdateState.SHADOW else slot.shadow or Trial()
    setback: Setback | None = slot.setback
    return PackStatus(
        state=slot.state,
        since=to_iso(slot.since),
        active=slot.active.version if slot.active else "",
        digest=slot.active.digest if slot.active else "",
        previous=slot.previous.version if slot.previous else "",
        candidate=slot.candidate.version if slot.candidate else "",
        runtime=model.runtime if model else "",
        device=model.device if model else "",
        fault=model.code if model else "",
        studies=slot.rate.studies,
        alerts=slot.rate.alerts,
        trial_studies=slot.trial.studies,
        agreement=shadow.agreement,
        latency_s=median(slot.trial.latencies_s),
        set_back=setback.version if setback else "",
        reason=setback.reason if setback else "",
        # What a person wrote stays on the box: free words may name anybody.
        detail=setback.detail if setback and setback.reason != Fault.BY_HAND else "",
        set_back_at=to_iso(setback.at) if setback else "",
    )


_STATUS: Final = TypeAdapter(Status)
