"""At once on evidence, after a short quiet time without it, never too early, never too late."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain import Evidence, InstanceFacts
from appliance.pipeline.assemble.completeness import (
    Arrival,
    AssociationFacts,
    Complete,
    Ending,
    Patience,
    Wait,
    judge,
)
from tests.simulators.headers import film, instance, slices

PATIENCE = Patience()
RELEASED = Evidence.ASSOCIATION_RELEASED


def arrival(
    facts: list[InstanceFacts], *associations: AssociationFacts, last: float = 100.0
) -> Arrival:
    return Arrival(facts, associations, first_stored_at=90.0, last_stored_at=last)


def released(instances: int, at: float = 100.0) -> AssociationFacts:
    return AssociationFacts(Ending.RELEASED, at, instances)


def evidence(now: float, arrived: Arrival) -> tuple[Evidence, ...]:
    found = judge(now, arrived, PATIENCE)
    assert isinstance(found, Complete), found
    return found.evidence


def until(now: float, arrived: Arrival) -> float:
    found = judge(now, arrived, PATIENCE)
    assert isinstance(found, Wait), found
    return found.until


def test_one_released_association_with_slices_without_a_gap_is_complete_at_once() -> None:
    found = evidence(100.0, arrival(slices(133), released(133)))
    assert found == (RELEASED, Evidence.CONTIGUOUS_GEOMETRY)


def test_a_film_is_complete_at_its_release() -> None:
    assert evidence(100.0, arrival([film(1)], released(1))) == (RELEASED,)


def test_an_expected_count_that_is_reached_is_complete_at_once() -> None:
    facts = slices(7, images_in_acquisition=7)
    single = [released(1, 94.0 + index) for index in range(7)]
    assert evidence(100.0, arrival(facts, *single)) == (RELEASED, Evidence.EXPECTED_COUNT)


@pytest.mark.parametrize("expected", [6, 8, None, 0])
def test_a_count_that_does_not_fit_is_no_evidence(expected: int | None) -> None:
    facts = slices(7, images_in_acquisition=expected)
    assert until(100.0, arrival(facts, released(7))) == 103.0


def test_a_multi_frame_instance_is_complete_at_its_release() -> None:
    frames = tuple(replace(one.frames[0], index=index) for index, one in enumerate(slices(40)))
    facts = [instance(1, frames=frames)]
    assert Evidence.CONTIGUOUS_GEOMETRY in evidence(100.0, arrival(facts, released(1)))


def test_a_gap_waits_a_short_quiet_time_for_the_slice() -> None:
    facts = slices(60)
    del facts[20]
    arrived = arrival(facts, released(59))
    assert until(100.0, arrived) == 103.0
    assert evidence(103.0, arrived) == (RELEASED, Evidence.QUIET_TIME)


def test_an_open_association_is_waited_for() -> None:
    still_open = AssociationFacts(Ending.OPEN)
    arrived = arrival(slices(60), released(30), still_open)
    assert until(100.0, arrived) == 115.0
    assert evidence(115.0, arrived) == (Evidence.QUIET_TIME,)


def test_a_lost_association_is_given_time_to_come_again() -> None:
    lost = AssociationFacts(Ending.LOST, 100.0, 60)
    arrived = arrival(slices(60), lost)
    assert until(100.0, arrived) == 130.0
    assert evidence(130.0, arrived) == (Evidence.QUIET_TIME,)
    healed = arrival(slices(61), lost, released(61, 110.0), last=110.0)
    assert evidence(110.0, healed) == (RELEASED, Evidence.CONTIGUOUS_GEOMETRY)


def test_what_holds_no_picture_waits_for_pictures() -> None:
    report = instance(1, modality="SR", has_pixels=False, rows=0, columns=0, frames=())
    assert until(100.0, arrival([report], released(1))) == 103.0


def test_nothing_readable_is_complete_in_the_end() -> None:
    assert evidence(103.0, arrival([], released(1))) == (RELEASED, Evidence.QUIET_TIME)


@given(count=st.integers(2, 400), pause=st.floats(0.05, 2.9))
def test_an_association_for_each_instance_starts_one_analysis(count: int, pause: float) -> None:
    """After each release the slices so far are without a gap; only the last silence ends it."""
    facts = slices(min(count, 40))
    for sent in {2, len(facts) // 2 or 2, len(facts)}:
        associations = [released(1, 90.0 + index * pause) for index in range(sent)]
        last = associations[-1].ended_at or 0.0
        arrived = Arrival(facts[:sent], associations, 90.0, last)
        if last + pause < 90.0 + PATIENCE.longest_s:
            assert isinstance(judge(last + pause * 0.99, arrived, PATIENCE), Wait)
        assert isinstance(judge(last + PATIENCE.quiet_s, arrived, PATIENCE), Complete)


endings = st.sampled_from(list(Ending))


@given(
    now=st.floats(90, 2000),
    count=st.integers(0, 30),
    kinds=st.lists(endings, max_size=4),
    last=st.floats(90, 1000),
)
def test_whatever_happens_it_ends_and_says_when_to_look_again(
    now: float, count: int, kinds: list[Ending], last: float
) -> None:
    associations = [
        AssociationFacts(kind, None if kind is Ending.OPEN else last, 5) for kind in kinds
    ]
    arrived = Arrival(slices(count), associations, 90.0, last)
    match judge(now, arrived, PATIENCE):
        case Wait(later):
            assert now < later <= 90.0 + PATIENCE.longest_s
            assert isinstance(judge(90.0 + PATIENCE.longest_s, arrived, PATIENCE), Complete)
        case Complete(found):
            assert found
            assert len(set(found)) == len(found)
            if Ending.OPEN in kinds:
                assert RELEASED not in found
