"""What has become of the system since the record was written, and what is to be done next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from appliance.update.os import record as records
from appliance.update.os.boot_entries import BootEntry
from appliance.update.os.record import OsFault, OsRecord, OsRef
from appliance.update.os.states import AT_REST, OsState
from appliance.update.versions import version_key


@dataclass(frozen=True, slots=True)
class Orders:
    """What the maker has signed for this box.

    wanted: the image that it is meant to run, whether it does or not. recalled: digests that must
    not be used any more.
    """

    wanted: OsRef | None
    recalled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OsFacts:
    """The machine at one instant.

    running: version of the image that runs. boot: id of this boot. entries: of the boot loader.
    orders: None where nothing verified is known. is_quiet: no study is under way. may_restart: the
    site allows it now.
    """

    running: str
    boot: str
    entries: tuple[BootEntry, ...]
    orders: Orders | None = None
    is_quiet: bool = False
    may_restart: bool = False


class Step(StrEnum):
    """What is to be done."""

    NOTHING = "nothing"
    FORGET = "forget"
    """Take away boot entries of images that are denied, and what pins the boot loader."""
    CALL_OFF = "call-off"
    """The candidate is wanted no more; it has never run."""
    INSTALL = "install"
    """Write the wanted image into the other slot."""
    GO_BACK = "go-back"
    """The active image was recalled and the one before is kept."""
    RESTART = "restart"


def settled(record: OsRecord | None, facts: OsFacts, now: float) -> OsRecord:  # noqa: PLR0911 - a list of cases
    """The record after what the machine shows; the same one where nothing has happened.

    Tells by which image runs: nobody is asked whether a restart took place or a trial failed.
    """
    if record is None or facts.running not in _known(record):
        return records.found(facts.running, facts.boot, now, record)
    candidate, previous = record.candidate, record.previous
    runs_candidate = candidate is not None and facts.running == candidate.version
    match record.state:
        case OsState.INSTALLING | OsState.INSTALLED if runs_candidate:
            return settled(records.started(record, facts.boot, now), facts, now)
        case OsState.INSTALLED if candidate is not None and facts.boot != record.boot:
            is_spent = _left(facts, candidate) == 0
            why = OsFault.TRIES if is_spent else OsFault.NOT_STARTED
            return records.fell_back(record, why, facts.boot, now)
        case OsState.TRIAL if candidate is not None and runs_candidate:
            return (
                records.blessed(record, facts.boot, now)
                if _is_blessed(facts, candidate)
                else record
            )
        case OsState.TRIAL:
            return records.fell_back(record, OsFault.TRIES, facts.boot, now)
        case OsState.RETREATING if previous is not None and facts.running == previous.version:
            return records.went_back(record, facts.boot, now)
        case _:
            return record


def next_step(record: OsRecord, facts: OsFacts) -> Step:  # noqa: PLR0911 - a list of cases
    """What to do now; `record` is settled."""
    runs_active = facts.running == record.active.version
    if record.state in AT_REST and runs_active and _denied_entries(record, facts):
        return Step.FORGET
    restart = facts.is_quiet and facts.may_restart
    wanted = facts.orders.wanted if facts.orders else None
    match record.state:
        case OsState.INSTALLING | OsState.INSTALLED if facts.orders and wanted != record.candidate:
            return Step.CALL_OFF
        case OsState.INSTALLING if runs_active and wanted is not None and facts.is_quiet:
            return Step.INSTALL
        case OsState.INSTALLED | OsState.RETREATING if restart:
            return Step.RESTART
        case OsState.COMMITTED if facts.orders and _gives_way(record, facts.orders):
            return Step.GO_BACK
        case OsState.COMMITTED | OsState.REVERTED if (
            runs_active and facts.is_quiet and is_news(record, wanted)
        ):
            return Step.INSTALL
        case _:
            return Step.NOTHING


def is_news(record: OsRecord, wanted: OsRef | None) -> bool:
    """Whether that image may be installed here: newer than what is kept, and it never failed."""
    return (
        wanted is not None
        and wanted.version not in record.denied
        and version_key(wanted.version) > version_key(record.active.version)
    )


def is_recalled(record: OsRecord, orders: Orders) -> bool:
    """Whether the kept image must not be used any more."""
    return record.active.digest in orders.recalled


def _gives_way(record: OsRecord, orders: Orders) -> bool:
    before = record.previous
    return (
        is_recalled(record, orders)
        and before is not None
        and (before.digest not in orders.recalled)
    )


def _known(record: OsRecord) -> set[str]:
    refs = (record.active, record.previous, record.candidate)
    return {each.version for each in refs if each is not None}


def _denied_entries(record: OsRecord, facts: OsFacts) -> list[BootEntry]:
    return [entry for entry in facts.entries if entry.version in record.denied]


def _left(facts: OsFacts, image: OsRef) -> int | None:
    return next((each.left for each in facts.entries if each.version == image.version), None)


def _is_blessed(facts: OsFacts, image: OsRef) -> bool:
    return any(each.version == image.version and each.left is None for each in facts.entries)
