"""The deliverer's schedule: nothing is lost, nobody is flooded, whatever fails and however long."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.domain import CaseCode, MessageKind
from appliance.ledger.delivery import Delivery, DeliveryState, Destination, Moment, Progress
from appliance.pipeline.deliver.schedule import (
    Attempt,
    Backoff,
    DeadLetter,
    Done,
    Escalate,
    Policy,
    Step,
    WaitUntil,
    competes,
    decide,
    supersedes,
)
from appliance.pipeline.deliver.steady import SteadyTime

DOCTOR = Destination("mail", "doctor@x.example")
CHIEF = Destination("mail", "chief@x.example")
PRINTER = Destination("er-printer")
PACS = Destination("pacs")
TECHNICIAN = Destination("mail", "technician@x.example")
POLICY = Policy(
    steps=(Step((DOCTOR, PRINTER), 300.0), Step((CHIEF,), 300.0)),
    again_s=1800.0,
    results=(PACS,),
    technical=(TECHNICIAN,),
    page_channels=frozenset({"er-printer"}),
    backoff=Backoff(5.0, 300.0),
    give_up_s=86400.0,
)
ALERTS = (MessageKind.CLINICAL_ALERT, MessageKind.AMENDED_ALERT, MessageKind.NOT_ANALYSED)


def progress(kind: MessageKind = MessageKind.CLINICAL_ALERT, number: int = 1) -> Progress:
    return Progress(number, CaseCode("K7Q-3MFA"), number, kind, True, 0.0, 0, 0.0)


@dataclass
class Run:
    """Plays an item through time: each attempt ends as `outcome` says, at once."""

    progress: Progress
    policy: Policy = POLICY
    now: float = 0.0
    attempts: list[tuple[float, Attempt]] = field(default_factory=list)
    sent: list[tuple[float, Destination]] = field(default_factory=list)
    ending: str | None = None

    def until(self, end: float, outcomes: dict[Destination, DeliveryState]) -> Run:
        turns = 0
        while self.ending is None and self.now <= end:
            turns += 1
            assert turns < 100_000, "the schedule never waits"
            for action in decide(self.progress, self.policy, self.now):
                self._do(action, outcomes)
        return self

    def _do(self, action: object, outcomes: dict[Destination, DeliveryState]) -> None:
        match action:
            case Attempt(destination, stage):
                self.attempts.append((self.now, action))
                state = outcomes.get(destination, DeliveryState.SENT)
                if state is DeliveryState.SENT:
                    self.sent.append((self.now, destination))
                self._put(destination, stage, state, 1)
            case DeadLetter(destination, stage):
                self._put(destination, stage, DeliveryState.ABANDONED, 0)
            case Escalate(stage):
                assert stage == self.progress.stage + 1
                self.progress = replace(self.progress, stage=stage, stage_since=self.now)
            case WaitUntil(at):
                assert at > self.now
                self.now = at
            case Done(ending):
                self.ending = ending

    def _put(self, to: Destination, stage: int, state: DeliveryState, more: int) -> None:
        known = self.progress.delivery(to, stage)
        tries = (known.tries if known else 0) + more
        moment = Moment(self.now, 0.0)
        self.progress = self.progress.with_delivery(Delivery(to, stage, state, tries, moment))


OUTCOMES = st.fixed_dictionaries(
    {
        one: st.sampled_from(
            [DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.DEAD, DeliveryState.BEGUN]
        )
        for one in (DOCTOR, CHIEF, PRINTER, PACS, TECHNICIAN)
    }
)
HOUR = 3600.0
DAY = 8 * HOUR
"""Long enough for several rounds of the ladder."""


@given(kind=st.sampled_from(ALERTS), outcomes=OUTCOMES)
@settings(max_examples=30, deadline=None)
def test_an_alert_is_never_ended_by_the_schedule(
    kind: MessageKind, outcomes: dict[Destination, DeliveryState]
) -> None:
    run = Run(progress(kind)).until(DAY, outcomes)
    assert run.ending is None
    assert not any(one.state is DeliveryState.ABANDONED for one in run.progress.deliveries)
    # However dead the channels are, somebody is tried again in every pause.
    times = [at for at, _ in run.attempts]
    gaps = [late - soon for soon, late in zip(times, [*times[1:], DAY], strict=True)]
    assert max(gaps) <= POLICY.again_s


@given(outcomes=OUTCOMES)
@settings(max_examples=30, deadline=None)
def test_nobody_is_flooded(outcomes: dict[Destination, DeliveryState]) -> None:
    run = Run(progress()).until(DAY, outcomes)
    sent = Counter(destination for _, destination in run.sent)
    # Each is told at most once in a round, and a round takes two slow steps.
    assert all(count <= DAY / (2 * POLICY.again_s) + 2 for count in sent.values())
    tries = Counter(attempt.destination for _, attempt in run.attempts)
    cap = 0.75 * POLICY.backoff.cap_s
    assert all(count <= DAY / cap + 12 * (run.progress.stage + 1) for count in tries.values())


@given(outcomes=OUTCOMES, cut=st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_whoever_can_be_reached_is_told(
    outcomes: dict[Destination, DeliveryState], cut: int
) -> None:
    run = Run(progress()).until(cut * 60.0, outcomes)
    run.until(run.now + 5 * HOUR, {})
    assert {destination for _, destination in run.sent} == {DOCTOR, PRINTER, CHIEF}


def test_the_first_step_is_told_at_once_and_the_next_after_its_wait() -> None:
    run = Run(progress()).until(2 * HOUR, {})
    assert run.sent[:3] == [(0.0, DOCTOR), (0.0, PRINTER), (300.0, CHIEF)]
    assert run.sent[3:6] == [(2100.0, DOCTOR), (2100.0, PRINTER), (3900.0, CHIEF)]


def test_in_a_crowd_every_case_is_told_and_only_the_repetitions_slow_down() -> None:
    last = replace(progress(), stage=1, stage_since=300.0).with_delivery(
        Delivery(CHIEF, 1, DeliveryState.SENT, 1, Moment(300.0, 0.0))
    )
    for destination in (DOCTOR, PRINTER):
        sent = Delivery(destination, 0, DeliveryState.SENT, 1, Moment(0.0, 0.0))
        last = last.with_delivery(sent)
    assert decide(last, POLICY, 301.0, crowd=10) == (WaitUntil(2100.0),)
    assert decide(last, POLICY, 301.0, crowd=200) == (WaitUntil(300.0 + 20 * 1800.0),)
    assert decide(progress(), POLICY, 0.0) == decide(progress(), POLICY, 0.0, crowd=200)


def test_a_fracture_does_not_wait_for_studies_that_could_not_be_analysed() -> None:
    alert, unread = progress(), progress(MessageKind.NOT_ANALYSED)
    assert not competes(unread, alert)
    assert competes(alert, unread)
    assert competes(progress(MessageKind.AMENDED_ALERT), alert)
    assert not competes(progress(MessageKind.RESULT_OBJECT), unread)


def test_a_dead_channel_moves_on_at_once() -> None:
    run = Run(progress()).until(10.0, {DOCTOR: DeliveryState.DEAD})
    assert (0.0, CHIEF) in run.sent


def test_a_channel_that_keeps_failing_moves_on_before_the_wait_is_over() -> None:
    run = Run(progress()).until(100.0, {DOCTOR: DeliveryState.FAILED})
    told = [at for at, destination in run.sent if destination == CHIEF]
    assert told
    assert told[0] < 20.0


def test_who_could_not_be_reached_is_tried_on_after_the_next_was_told() -> None:
    run = Run(progress()).until(900.0, {DOCTOR: DeliveryState.FAILED})
    assert CHIEF in {destination for _, destination in run.sent}
    assert run.progress.stage == 1
    run.until(1300.0, {})
    assert DOCTOR in {destination for _, destination in run.sent}


def test_a_page_is_not_asked_of_an_item_that_has_none() -> None:
    run = Run(replace(progress(), has_page=False)).until(3 * HOUR, {})
    assert {destination for _, destination in run.sent} == {DOCTOR, CHIEF}


def test_a_policy_that_reaches_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="without a page"):
        Policy((Step((PRINTER,), 60.0),), page_channels=frozenset({"er-printer"}))
    with pytest.raises(ValueError, match="without a page"):
        Policy(())


@pytest.mark.parametrize("kind", [MessageKind.RESULT_OBJECT, MessageKind.TECHNICAL])
@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.DEAD])
def test_a_result_is_tried_for_days_and_then_given_up_visibly(
    kind: MessageKind, state: DeliveryState
) -> None:
    run = Run(progress(kind)).until(3 * 86400.0, {PACS: state, TECHNICIAN: state})
    assert run.ending == "given-up"
    assert 86400.0 <= run.now < 86400.0 + POLICY.backoff.cap_s
    assert len(run.attempts) > 24 * 10


def test_a_result_that_arrived_is_done() -> None:
    assert Run(progress(MessageKind.RESULT_OBJECT)).until(10.0, {}).ending == "delivered"


def test_what_is_being_sent_is_not_sent_again_meanwhile() -> None:
    busy = frozenset({(DOCTOR, 0), (PRINTER, 0)})
    assert decide(progress(), POLICY, 10.0, busy) == (WaitUntil(300.0),)
    assert decide(progress(), POLICY, 300.0, busy) == (Escalate(1),)


def test_a_crash_while_sending_is_made_good_at_once_but_not_for_ever() -> None:
    begun = Delivery(DOCTOR, 0, DeliveryState.BEGUN, 1, Moment(9.0, 0.0))
    assert Attempt(DOCTOR, 0) in decide(progress().with_delivery(begun), POLICY, 9.0)
    often = progress().with_delivery(replace(begun, tries=8))
    assert Attempt(DOCTOR, 0) not in decide(often, POLICY, 9.0)


@given(failures=st.integers(0, 10_000), salt=st.text())
def test_the_backoff_stays_within_its_cap_and_does_not_change_with_a_restart(
    failures: int, salt: str
) -> None:
    wait = POLICY.backoff.after(failures, salt)
    assert 0.75 * 5.0 <= wait <= 300.0
    assert wait == POLICY.backoff.after(failures, salt)


@pytest.mark.parametrize(
    ("older", "newer", "replaced"),
    [
        (MessageKind.CLINICAL_ALERT, MessageKind.AMENDED_ALERT, True),
        (MessageKind.NOT_ANALYSED, MessageKind.CLINICAL_ALERT, True),
        (MessageKind.NOT_ANALYSED, MessageKind.NOT_ANALYSED, True),
        (MessageKind.CLINICAL_ALERT, MessageKind.NOT_ANALYSED, False),
        (MessageKind.AMENDED_ALERT, MessageKind.RESULT_OBJECT, False),
        (MessageKind.RESULT_OBJECT, MessageKind.AMENDED_ALERT, False),
    ],
)
def test_what_takes_the_place_of_what(
    older: MessageKind,
    newer: MessageKind,
    replaced: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert supersedes(progress(newer, 2), progress(older, 1)) is replaced
    assert not supersedes(progress(newer, 1), progress(older, 2))
    other = replace(progress(newer, 2), case=CaseCode("AAA-BBBB"))
    assert not supersedes(other, progress(older, 1))


# --- fault 62: the wall clock jumps ---------------------------------------------------------------

TEN_YEARS = 10 * 365 * 86400.0


@dataclass
class FakeClock:
    wall: float = 1_760_000_000.0
    steady: float = 50.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def wait(self, _event: object, seconds: float) -> bool:
        self.steady += seconds
        return False


@pytest.mark.parametrize("jump", [-TEN_YEARS, -HOUR, HOUR, TEN_YEARS])
def test_a_jump_while_running_is_not_even_felt(jump: float) -> None:
    clock = FakeClock()
    time = SteadyTime(clock, Moment(1000.0, clock.wall))
    clock.wall += jump
    clock.steady += 5.0
    assert time.now() == Moment(1005.0, clock.wall)


@pytest.mark.parametrize(
    ("gap", "felt"), [(-TEN_YEARS, 0.0), (-HOUR, 0.0), (60.0, 60.0), (TEN_YEARS, HOUR)]
)
def test_a_jump_over_a_restart_is_held_within_an_hour(gap: float, felt: float) -> None:
    clock = FakeClock()
    last = Moment(1000.0, clock.wall)
    clock.wall += gap
    assert SteadyTime(clock, last).now().steady == 1000.0 + felt
