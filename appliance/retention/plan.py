"""Which studies go now, which stay, and why: pure decisions over facts from the three ledgers.

A study is finished when every instance was taken up, every revision has its outcome, and
everything that was to be told or sent about it has ended; a clinical alert ends only when a person
acknowledges it. A study that is not finished never goes, however old it is and however full the
disk. A finished one goes when its days are over, counted from when it was seen finished; or
earlier, those that finished first before the others, when the disk is fuller than the high
watermark, until it would be down to the low one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from appliance.retention.lived_time import DAY_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from appliance.domain import CaseCode, StudyKey


class Hold(StrEnum):
    """Why a study may not go, whatever its age."""

    NOT_TAKEN_UP = "not-taken-up"
    UNDER_WAY = "under-way"
    UNDELIVERED = "undelivered"
    UNACKNOWLEDGED = "unacknowledged"


class Why(StrEnum):
    """Why a study goes."""

    DAYS = "days-over"
    DISK = "disk-full"


@dataclass(frozen=True, slots=True)
class Policy:
    """How long finished studies are kept.

    alert_days: of a study that alerted. A disk with less than `high_free` bytes free is to be
    brought to `low_free`.
    """

    days: float
    alert_days: float
    high_free: int
    low_free: int


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """One study as the ledgers have it.

    case: None until it is taken up. newest: its newest instance. hold: the first thing that is left
    to do. gave_up: something about it could not be delivered and will not be tried again.
    settled_s: the second of lived time at which it was seen finished. received_at: wall time, for
    people.
    """

    study: StudyKey
    case: CaseCode | None
    newest: int
    images: int
    bytes: int
    received_at: float
    hold: Hold | None
    alerted: bool
    gave_up: bool
    settled_s: float | None


@dataclass(frozen=True, slots=True)
class Going:
    """A study that goes now."""

    facts: StudyFacts
    why: Why


@dataclass(frozen=True, slots=True)
class Staying:
    """A study that stays: because of `hold`, or for so many seconds (None: not yet counted)."""

    facts: StudyFacts
    hold: Hold | None
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done now. Nothing of it has been done."""

    going: tuple[Going, ...]
    staying: tuple[Staying, ...]
    """Those that go soonest come first, those that are held last."""
    finished: tuple[StudyFacts, ...]
    """Seen finished for the first time: their days begin."""
    lacking: int
    """Bytes that the disk still lacks up to the low watermark when all of `going` is gone."""


def plan(facts: Iterable[StudyFacts], policy: Policy, free: int, now: float) -> Plan:
    """Decide.

    Args:
        facts: of every study.
        policy: how long they are kept.
        free: bytes free on the disk of the state folder.
        now: seconds of lived time.
    """
    waiting = sorted(
        (_waits(each, policy, now) for each in facts),
        key=lambda one: (one.hold is not None, one.left_s is None, one.left_s or 0.0),
    )
    over = [each for each in waiting if each.left_s is not None and each.left_s <= 0]
    freed = sum(each.facts.bytes for each in over)
    wanted = policy.low_free - free if free < policy.high_free else 0
    for_room = tuple(_for_room(waiting[len(over) :], wanted - freed))
    going = (
        *(Going(each.facts, Why.DAYS) for each in over),
        *(Going(each.facts, Why.DISK) for each in for_room),
    )
    freed += sum(each.facts.bytes for each in for_room)
    gone = {each.facts.study for each in going}
    return Plan(
        going=going,
        staying=tuple(each for each in waiting if each.facts.study not in gone),
        finished=tuple(
            each.facts for each in waiting if each.hold is None and each.facts.settled_s is None
        ),
        lacking=max(0, wanted - freed),
    )


def _waits(facts: StudyFacts, policy: Policy, now: float) -> Staying:
    if facts.hold is not None or facts.settled_s is None:
        return Staying(facts, facts.hold, None)
    days = policy.alert_days if facts.alerted else policy.days
    return Staying(facts, None, facts.settled_s + days * DAY_S - now)


def _for_room(waiting: Iterable[Staying], wanted: int) -> Iterator[Staying]:
    """The earliest finished, until so many bytes are found.

    Of a result that nobody could deliver the box has the only copy: its study keeps its days.
    """
    countable = [
        (each.facts.settled_s, each)
        for each in waiting
        if each.hold is None and each.facts.settled_s is not None and not each.facts.gave_up
    ]
    for _, each in sorted(countable, key=lambda pair: pair[0]):
        if wanted <= 0:
            return
        wanted -= each.facts.bytes
        yield each


MOST_FREE_PERCENT: Final = 100


def free_at(total: int, used_percent: int) -> int:
    """How many bytes of a disk are free when it is used up to that percentage."""
    return total * (MOST_FREE_PERCENT - used_percent) // MOST_FREE_PERCENT
