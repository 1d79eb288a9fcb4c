"""Whether all of a study is here, on evidence. Pure: time and events come in as values.

Rules, first that holds:
1. The longest wait since the first instance is over: take what is there.
2. An association that stored into the study is open: wait until it ends, or until it has been
   silent for the time that an idle one may keep a study (some archives never release).
3. The last association to end was lost: wait the longer time, the sender will come again.
4. All released and either every expected count is reached, or every image is a film, or slices
   stack without a gap and one association brought many of them: complete at once.
5. Otherwise a short quiet time. A modality that opens an association for each instance shows a
   stack without gaps after every release: it stays in this rule until it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from appliance.domain import Evidence, InstanceFacts, Series, SliceStack
from appliance.pipeline.assemble.series import build_series


class Ending(StrEnum):
    """How an association ended, as far as it has."""

    OPEN = "open"
    RELEASED = "released"
    LOST = "lost"
    """Aborted, timed out or cut."""


@dataclass(frozen=True, slots=True)
class AssociationFacts:
    """One association that stored into the study. `ended_at`: None while it is open."""

    ending: Ending
    ended_at: float | None = None
    instances: int = 1
    """How many instances it stored into this study."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a study's coming. All times in seconds on one clock that never goes back.

    facts: headers of every instance that could be read.
    """

    facts: Sequence[InstanceFacts]
    associations: Sequence[AssociationFacts]
    first_stored_at: float
    last_stored_at: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how many slices speak for themselves."""

    quiet_s: float = 3.0
    idle_open_s: float = 15.0
    lost_s: float = 30.0
    longest_s: float = 600.0
    many_slices: int = 10


@dataclass(frozen=True, slots=True)
class Complete:
    """All there is; `evidence` is recorded with the study."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Judge again at `until`, or when something happens. `missing`: evidence that is not there."""

    until: float
    missing: tuple[Evidence, ...]


def judge(now: float, arrival: Arrival, patience: Patience) -> Complete | Wait:
    """Whether the study is complete; see the rules of this module."""
    end = arrival.first_stored_at + patience.longest_s
    if now >= end:
        return Complete((Evidence.LONGEST_WAIT,))
    endings = {one.ending for one in arrival.associations}
    if Ending.OPEN in endings:
        return _quiet(now, arrival.last_stored_at + patience.idle_open_s, end, ())
    last_event = max(
        [arrival.last_stored_at, *(one.ended_at or 0.0 for one in arrival.associations)]
    )
    if _was_lost_last(arrival.associations):
        return _quiet(now, last_event + patience.lost_s, end, ())
    series, _ = build_series(arrival.facts)
    found = _evidence(series, patience)
    evidence = (Evidence.ASSOCIATION_RELEASED, *found)
    if _suffices(series, found, arrival, patience):
        return Complete(evidence)
    return _quiet(now, last_event + patience.quiet_s, end, evidence)


def _quiet(now: float, until: float, end: float, evidence: tuple[Evidence, ...]) -> Complete | Wait:
    """Quiet time, with what evidence there is beside it."""
    if now >= until:
        return Complete((*evidence, Evidence.QUIET_TIME))
    wanted = (Evidence.ASSOCIATION_RELEASED, Evidence.CONTIGUOUS_GEOMETRY, Evidence.EXPECTED_COUNT)
    return Wait(min(until, end), tuple(one for one in wanted if one not in evidence))


def _was_lost_last(associations: Sequence[AssociationFacts]) -> bool:
    """Whether the last association to end did not end well; a later, released one heals it."""
    ended = [one for one in associations if one.ended_at is not None]
    return bool(ended) and max(ended, key=lambda one: one.ended_at or 0.0).ending is Ending.LOST


def _evidence(series: Sequence[Series], patience: Patience) -> tuple[Evidence, ...]:
    stacks = [one.stack for one in series if one.stack is not None]
    found: list[Evidence] = []
    if stacks and all(
        isinstance(one, SliceStack) and len(one.frames) >= patience.many_slices for one in stacks
    ):
        found.append(Evidence.CONTIGUOUS_GEOMETRY)
    if _is_expected_count_reached([one for member in series for one in member.instances]):
        found.append(Evidence.EXPECTED_COUNT)
    return tuple(found)


def _suffices(
    series: Sequence[Series],
    found: Sequence[Evidence],
    arrival: Arrival,
    patience: Patience,
) -> bool:
    """Whether the evidence is enough without any quiet time."""
    if not series:
        return False
    if Evidence.EXPECTED_COUNT in found or all(one.stack is None for one in series):
        return True
    if Evidence.CONTIGUOUS_GEOMETRY not in found:
        return False
    # One multi-frame instance is many slices by itself.
    is_multi_frame = any(len(one.frames) >= patience.many_slices for one in arrival.facts)
    largest = max((one.instances for one in arrival.associations), default=0)
    return is_multi_frame or largest >= patience.many_slices


def _is_expected_count_reached(facts: Sequence[InstanceFacts]) -> bool:
    """Whether Images in Acquisition is given for every acquisition, and exactly reached.

    More images than expected show that the tag means something else here: no evidence.
    """
    counted = Counter((one.series_uid, one.acquisition_number) for one in facts)
    expected = {
        (one.series_uid, one.acquisition_number): one.images_in_acquisition or 0 for one in facts
    }
    return bool(counted) and dict(counted) == expected and max(expected.values()) > 1
