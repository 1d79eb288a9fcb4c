"""The plan of what goes: over all facts, what is held stays, and no more goes than is needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.domain import CaseCode, StudyKey
from appliance.retention.lived_time import DAY_S
from appliance.retention.plan import Hold, Plan, Policy, StudyFacts, Why, free_at, plan

POLICY = Policy(days=14, alert_days=30, high_free=1000, low_free=2000)


@st.composite
def studies(draw: st.DrawFn) -> list[StudyFacts]:
    return [
        StudyFacts(
            study=StudyKey(f"s{number}"),
            case=CaseCode(f"c{number}"),
            newest=number,
            images=1,
            bytes=draw(st.integers(1, 900)),
            received_at=0.0,
            hold=draw(st.sampled_from([None, None, *Hold])),
            alerted=draw(st.booleans()),
            gave_up=draw(st.booleans()),
            settled_s=draw(st.none() | st.floats(0, 40 * DAY_S)),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


NOW = 40 * DAY_S
FREE = st.integers(0, 3000)


@given(studies(), FREE)
def test_every_study_goes_or_stays_and_what_is_held_stays(
    facts: list[StudyFacts], free: int
) -> None:
    made = plan(facts, POLICY, free, NOW)
    going = [each.facts.study for each in made.going]
    staying = [each.facts.study for each in made.staying]
    assert sorted(going + staying) == sorted(each.study for each in facts)
    assert all(each.facts.hold is None for each in made.going)
    assert all(each.facts.settled_s is not None for each in made.going)
    assert all(each.hold is None and each.settled_s is None for each in made.finished)


@given(studies(), FREE)
def test_for_room_no_more_goes_than_is_needed_and_the_earliest_first(
    facts: list[StudyFacts], free: int
) -> None:
    made = plan(facts, POLICY, free, NOW)
    for_room = [each.facts for each in made.going if each.why is Why.DISK]
    if not for_room:
        return
    assert free < POLICY.high_free
    freed = sum(each.facts.bytes for each in made.going)
    assert free + freed - for_room[-1].bytes < POLICY.low_free
    assert not any(each.gave_up for each in for_room)
    latest = max(each.settled_s or 0.0 for each in for_room)
    for one in made.staying:
        if one.hold is None and one.facts.settled_s is not None and not one.facts.gave_up:
            assert one.facts.settled_s >= latest
    assert made.lacking == max(0, POLICY.low_free - free - freed)


def days_over(made: Plan) -> set[str]:
    return {each.facts.study for each in made.going if each.why is Why.DAYS}


@given(studies(), FREE)
def test_days_alone_decide_about_what_is_over(facts: list[StudyFacts], free: int) -> None:
    made = plan(facts, POLICY, free, NOW)
    over = {
        each.study
        for each in facts
        if each.hold is None
        and each.settled_s is not None
        and each.settled_s + (30 if each.alerted else 14) * DAY_S <= NOW
    }
    assert days_over(made) == over


def test_watermarks_are_shares_of_the_disk() -> None:
    assert free_at(1000, 85) == 150
    assert free_at(1000, 99) == 10
