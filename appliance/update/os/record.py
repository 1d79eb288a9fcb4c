"""Which system image runs on this box, which one is kept, which one is on trial; pure.

One value, `OsRecord`, and one function for each event of `appliance.update.os.states`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from appliance.update.os.states import TRANSITIONS, OsEvent, OsState


class OsFault(StrEnum):
    """Why an image was set back, where no health check's own code says it."""

    TRIES = "os-tries-exhausted"
    """It never came so far as to be asked for its health."""
    NOT_STARTED = "os-not-started"
    """The machine was started from the old image before the new one had its tries."""
    BY_HAND = "rolled-back-by-hand"
    RECALLED = "os-recalled"


@dataclass(frozen=True, slots=True)
class OsRef:
    """One exact image. digest: of its release.json; empty for the one that was flashed."""

    version: str
    digest: str = ""
    rollback_index: int = 0


@dataclass(frozen=True, slots=True)
class OsSetback:
    """The newest image that failed or was taken back. reason: a code. at: wall seconds."""

    version: str
    digest: str
    reason: str
    detail: str
    at: float


@dataclass(frozen=True, slots=True)
class OsRecord:
    """Everything that the box has to remember of its system.

    since: wall seconds of the latest change of state. active: the image that is kept. previous: in
    the other slot, to go back to. candidate: being installed or on trial. boot: id of the boot in
    which the state was entered. healthy: what worked before the restart, and must work after it.
    fault, fault_detail: what a boot on trial was found to lack, the latest time. setback: the
    newest. denied: version → reason; such an image is never installed again.
    """

    state: OsState
    since: float
    active: OsRef
    previous: OsRef | None = None
    candidate: OsRef | None = None
    boot: str = ""
    healthy: frozenset[str] = frozenset()
    fault: str = ""
    fault_detail: str = ""
    setback: OsSetback | None = None
    denied: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """ValueError for what no series of events leads to."""
        under_way = {OsState.INSTALLING, OsState.INSTALLED, OsState.TRIAL}
        if (self.state in under_way) != (self.candidate is not None):
            raise ValueError(f"{self.state} with or without a candidate")
        if self.state is OsState.RETREATING and self.previous is None:
            raise ValueError("nothing to go back to")

    @property
    def lowest_index(self) -> int:
        """The lowest rollback index among what may run by order of this record."""
        kept = [each for each in (self.active, self.previous) if each is not None]
        return min(each.rollback_index for each in kept)


def found(version: str, boot: str, now: float, before: OsRecord | None = None) -> OsRecord:
    """The image that runs is taken for the kept one; `before` goes, but for what it denies."""
    denied = dict(before.denied) if before else {}
    return OsRecord(OsState.COMMITTED, now, OsRef(version), boot=boot, denied=denied)


def begun(
    record: OsRecord, image: OsRef, healthy: frozenset[str], boot: str, now: float
) -> OsRecord:
    """A verified image is about to be written over the other slot, and what that held is gone."""
    changes = {"candidate": image, "previous": None, "healthy": healthy}
    return _moved(record, OsEvent.BEGUN, boot, now, **changes)


def written(record: OsRecord, boot: str, now: float) -> OsRecord:
    """It lies in the other slot."""
    return _moved(record, OsEvent.WRITTEN, boot, now)


def called_off(
    record: OsRecord, reason: str, detail: str, now: float, *, deny: bool = False
) -> OsRecord:
    """It will not be started. deny: nor ever installed again."""
    after = _set_back(record, record.candidate, reason, detail, now) if deny else record
    return _moved(after, OsEvent.CALLED_OFF, record.boot, now, candidate=None)


def started(record: OsRecord, boot: str, now: float) -> OsRecord:
    """The machine runs the candidate."""
    return _moved(record, OsEvent.STARTED, boot, now)


def ailing(record: OsRecord, code: str, detail: str) -> OsRecord:
    """A boot on trial was found unhealthy."""
    return replace(record, fault=code, fault_detail=detail)


def blessed(record: OsRecord, boot: str, now: float) -> OsRecord:
    """The candidate is kept; the image before it stays in the other slot."""
    changes = {"active": record.candidate, "previous": record.active, "candidate": None}
    return _moved(record, OsEvent.BLESSED, boot, now, **changes, fault="", fault_detail="")


def fell_back(record: OsRecord, reason: str, boot: str, now: float) -> OsRecord:
    """The candidate failed: it is never installed again. reason: where no health check said it."""
    after = _set_back(record, record.candidate, record.fault or reason, record.fault_detail, now)
    changes = {"candidate": None, "fault": "", "fault_detail": ""}
    return _moved(after, OsEvent.FELL_BACK, boot, now, **changes)


def taken_back(record: OsRecord, reason: str, detail: str, now: float) -> OsRecord:
    """The next restart goes back. ValueError where nothing is kept."""
    after = _set_back(record, record.active, reason, detail, now)
    return _moved(after, OsEvent.TAKEN_BACK, record.boot, now)


def went_back(record: OsRecord, boot: str, now: float) -> OsRecord:
    """The machine runs the image before."""
    changes = {"active": record.previous, "previous": None}
    return _moved(record, OsEvent.WENT_BACK, boot, now, **changes)


def _set_back(
    record: OsRecord, image: OsRef | None, reason: str, detail: str, now: float
) -> OsRecord:
    if image is None:
        raise ValueError("no image to set back")
    setback = OsSetback(image.version, image.digest, reason, detail, now)
    return replace(record, setback=setback, denied={**record.denied, image.version: reason})


def _moved(record: OsRecord, event: OsEvent, boot: str, now: float, **changes: object) -> OsRecord:
    """The next state. ValueError for what the table does not know."""
    state = TRANSITIONS.get((record.state, event))
    if state is None:
        raise ValueError(f"{event} in {record.state}")
    fresh = {"state": state, "since": now, "boot": boot}
    return replace(record, **(fresh | changes))  # type: ignore[arg-type]  # the fields' own names
