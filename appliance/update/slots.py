"""Which pack of each name reads on this box, which one is kept, and which one is on trial; pure.

One value, `Slot`, for each pack name, and one function for each event of `appliance.update.states`.
Nothing here reads a clock or a file: `slots_file` keeps the values durable, the analyser decides
when an event has happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from appliance.update.states import FULL_TRIES, ON_TRIAL, TRANSITIONS, UpdateEvent, UpdateState
from appliance.update.trial import Rate, Trial


class Source(StrEnum):
    """Where a pack's files lie."""

    FACTORY = "factory"
    """In the folder that the site YAML names: it came with the box."""
    STORE = "store"
    """In the store of the update unit, by its digest."""


@dataclass(frozen=True, slots=True)
class PackRef:
    """One exact pack. digest: of its manifest, as `ModelIdentity.digest`."""

    version: str
    digest: str
    rollback_index: int
    source: Source


@dataclass(frozen=True, slots=True)
class Setback:
    """The newest pack that was rejected, taken back or recalled, for the technician and the maker.

    reason: a code of `appliance.update.faults` or of an error. at: wall seconds.
    """

    version: str
    digest: str
    reason: str
    detail: str
    at: float


@dataclass(frozen=True, slots=True)
class Slot:
    """Everything that the box has to remember of one pack name.

    active: reads and alerts; None only while RECALLED, or on the way out of it. previous: kept, to
    go back to. candidate: on trial. withheld: was active when it was recalled; never loaded, but
    what it would have read is refused aloud. since: wall seconds of the latest change of state.
    tries: loads that the pack on trial has left. rate, previous_rate: how often each of the two
    alerts. trial: counts of the present state; shadow: of this pack's SHADOW that has ended.
    setback: the newest. denied: digest → reason; such a pack is never taken again, even if it is
    offered again.
    """

    state: UpdateState
    since: float
    active: PackRef | None = None
    previous: PackRef | None = None
    candidate: PackRef | None = None
    withheld: PackRef | None = None
    tries: int = FULL_TRIES
    rate: Rate = field(default_factory=Rate)
    previous_rate: Rate = field(default_factory=Rate)
    trial: Trial = field(default_factory=Trial)
    shadow: Trial | None = None
    setback: Setback | None = None
    denied: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """ValueError for what no series of events leads to."""
        reads = self.state in {UpdateState.PROBATION, UpdateState.COMMITTED, UpdateState.REVERTED}
        if reads and self.active is None:
            raise ValueError(f"{self.state} without an active pack")
        if (self.state in ON_TRIAL) != (self.candidate is not None):
            raise ValueError(f"{self.state} with or without a candidate")
        if self.state is UpdateState.RECALLED and self.active is not None:
            raise ValueError("a recalled pack is active")

    @property
    def kept(self) -> tuple[PackRef, ...]:
        """Every pack whose files this slot still needs."""
        held = (self.active, self.previous, self.candidate, self.withheld)
        return tuple(each for each in held if each)

    @property
    def on_trial(self) -> PackRef | None:
        """The pack that has still to prove itself."""
        return self.active if self.state is UpdateState.PROBATION else self.candidate


def installed(pack: PackRef, now: float, before: Slot | None = None) -> Slot:
    """A pack that came with the box goes into use at once, on probation.

    before: the slot whose place it takes; what that denies stays denied.
    """
    slot = Slot(UpdateState.ADMITTED, now, candidate=pack)
    if before is not None:
        slot = replace(slot, setback=before.setback, denied=before.denied)
    return needed(slot, now)


def arrived(pack: PackRef, now: float) -> Slot:
    """The first pack of a name that did not come with the box."""
    return Slot(UpdateState.STAGED, now, candidate=pack)


def offered(slot: Slot, pack: PackRef, now: float) -> Slot:
    """Another pack was chosen; it takes the place of one that is still on trial."""
    return _moved(slot, UpdateEvent.OFFERED, now, candidate=pack, shadow=None)


def withdrawn(slot: Slot, now: float) -> Slot:
    """The candidate is offered no more; it may come back."""
    event = UpdateEvent.WITHDRAWN if slot.active else UpdateEvent.BLOCKED
    return _moved(slot, event, now, candidate=None)


def admitted(slot: Slot, now: float) -> Slot:
    """The candidate passed its golden cases here."""
    return _moved(slot, UpdateEvent.ADMITTED, now)


def begun(slot: Slot, now: float) -> Slot:
    """The candidate starts to read beside the active pack."""
    return _moved(slot, UpdateEvent.BEGUN, now)


def needed(slot: Slot, now: float) -> Slot:
    """The candidate goes into use, since nothing else of its name may read."""
    return _moved(
        slot,
        UpdateEvent.NEEDED,
        now,
        active=slot.candidate,
        candidate=None,
        withheld=None,
        shadow=None,
        rate=Rate(),
        previous_rate=Rate(),
    )


def proved(slot: Slot, now: float) -> Slot:
    """From SHADOW: the candidate becomes the active pack. From PROBATION: it is committed."""
    if slot.state is UpdateState.PROBATION:
        return _moved(slot, UpdateEvent.PROVED, now)
    return _moved(
        slot,
        UpdateEvent.PROVED,
        now,
        active=slot.candidate,
        previous=slot.active,
        candidate=None,
        rate=Rate(),
        previous_rate=slot.rate,
    )


def rejected(slot: Slot, reason: str, detail: str, now: float) -> Slot:
    """The candidate failed: it is never taken again."""
    event = UpdateEvent.REJECTED if slot.active else UpdateEvent.BLOCKED
    setback = _setback(slot.candidate, reason, detail, now)
    return _set_back(slot, event, setback, candidate=None)


def retreated(slot: Slot, reason: str, detail: str, now: float, *, deny: bool = True) -> Slot:
    """The previous pack reads again; the active one is never taken again, where it is denied.

    A candidate is dropped with it, not denied: it was measured against a pack that failed.
    ValueError where nothing is kept.
    """
    if slot.previous is None:
        raise ValueError("nothing kept to go back to")
    return _set_back(
        slot,
        UpdateEvent.RETREATED,
        _setback(slot.active, reason, detail, now),
        deny=deny,
        active=slot.previous,
        previous=None,
        candidate=None,
        rate=slot.previous_rate,
        previous_rate=Rate(),
    )


def blocked(slot: Slot, reason: str, detail: str, now: float) -> Slot:
    """The active pack may be used no more, and nothing is kept."""
    setback = _setback(slot.active, reason, detail, now)
    return _set_back(
        slot,
        UpdateEvent.BLOCKED,
        setback,
        active=None,
        previous=None,
        candidate=None,
        withheld=slot.active,
    )


def recalled(slot: Slot, reason: str, digests: frozenset[str], now: float) -> Slot:
    """Whatever of these the slot holds gives way; unchanged where it holds none of them."""
    if slot.previous and slot.previous.digest in digests:
        denied = {**slot.denied, slot.previous.digest: reason}
        slot = replace(slot, previous=None, denied=denied)
    if slot.candidate and slot.candidate.digest in digests:
        slot = rejected(slot, reason, "", now)
    if slot.active is None or slot.active.digest not in digests:
        return slot
    return retreated(slot, reason, "", now) if slot.previous else blocked(slot, reason, "", now)


def counted(slot: Slot) -> Slot:
    """One more load is about to begin. ValueError where none is left."""
    if slot.tries < 1:
        raise ValueError("no load left")
    return replace(slot, tries=slot.tries - 1)


def steady(slot: Slot) -> Slot:
    """The loaded pack got to work, or its process was ended in good order."""
    return replace(slot, tries=FULL_TRIES)


def _setback(pack: PackRef | None, reason: str, detail: str, now: float) -> Setback:
    if pack is None:
        raise ValueError("no pack to set back")
    return Setback(pack.version, pack.digest, reason, detail, now)


def _set_back(
    slot: Slot, event: UpdateEvent, setback: Setback, *, deny: bool = True, **changes: object
) -> Slot:
    denied = {**slot.denied, **({setback.digest: setback.reason} if deny else {})}
    return _moved(slot, event, setback.at, setback=setback, denied=denied, **changes)


def _moved(slot: Slot, event: UpdateEvent, now: float, **changes: object) -> Slot:
    """The next state with its trial begun anew. ValueError for what the table does not know."""
    state = TRANSITIONS.get((slot.state, event))
    if state is None:
        raise ValueError(f"{event} in {slot.state}")
    shadow = slot.trial if slot.state is UpdateState.SHADOW else slot.shadow
    fresh = {"state": state, "since": now, "tries": FULL_TRIES, "trial": Trial(), "shadow": shadow}
    return replace(slot, **(fresh | changes))  # type: ignore[arg-type]  # the fields' own names
