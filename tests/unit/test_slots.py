"""Which pack reads: the table of states, walked at random, and the file that keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appliance.errors import StorageError
from appliance.update import slots
from appliance.update.judge import Fault
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.slots_file import read_slots, write_slots
from appliance.update.states import FULL_TRIES, ON_TRIAL, TRANSITIONS, UpdateEvent, UpdateState
from appliance.update.taking import taken
from appliance.update.telling import notice_of
from appliance.update.trial import Answer, Rate, Trial

ALERTING = {UpdateState.PROBATION, UpdateState.COMMITTED, UpdateState.REVERTED}


def pack(number: int, source: Source = Source.STORE) -> PackRef:
    return PackRef(f"1.{number}.0.1", f"{number:064x}", number, source)


FACTORY = pack(0, Source.FACTORY)


def committed(number: int = 1) -> Slot:
    """A box whose factory pack gave way to another one, which has proved itself."""
    slot = slots.proved(slots.installed(FACTORY, 0.0), 1.0)
    slot = slots.begun(slots.admitted(slots.offered(slot, pack(number), 2.0), 3.0), 4.0)
    return slots.proved(slots.proved(slot, 5.0), 6.0)


def test_a_new_box_is_never_mute() -> None:
    slot = slots.installed(FACTORY, 0.0)
    assert (slot.state, slot.active, slot.tries) == (UpdateState.PROBATION, FACTORY, FULL_TRIES)


def test_an_offered_pack_alerts_only_after_admission_and_shadow() -> None:
    slot = slots.proved(slots.installed(FACTORY, 0.0), 1.0)
    seen = []
    steps = (
        lambda slot: slots.offered(slot, pack(1), 2.0),
        lambda slot: slots.admitted(slot, 3.0),
        lambda slot: slots.begun(slot, 4.0),
        lambda slot: slots.proved(slot, 5.0),
        lambda slot: slots.proved(slot, 6.0),
    )
    for step in steps:
        slot = step(slot)
        seen.append((slot.state, slot.active))
    assert seen == [
        (UpdateState.STAGED, FACTORY),
        (UpdateState.ADMITTED, FACTORY),
        (UpdateState.SHADOW, FACTORY),
        (UpdateState.PROBATION, pack(1)),
        (UpdateState.COMMITTED, pack(1)),
    ]
    assert slot.previous == FACTORY


def test_what_the_table_does_not_know_cannot_happen() -> None:
    slot = slots.proved(slots.installed(FACTORY, 0.0), 1.0)
    with pytest.raises(ValueError, match="admitted in committed"):
        slots.admitted(slot, 2.0)
    assert set(TRANSITIONS.values()) == set(UpdateState)
    assert {event for _, event in TRANSITIONS} == set(UpdateEvent)


def test_a_pack_that_is_taken_back_is_never_taken_again() -> None:
    slot = slots.retreated(committed(), Fault.BY_HAND, "", 7.0)
    assert (slot.state, slot.active, slot.previous) == (UpdateState.REVERTED, FACTORY, None)
    assert taken(slot, pack(1), frozenset(), 8.0) == slot
    with pytest.raises(ValueError, match="nothing kept"):
        slots.retreated(slot, Fault.BY_HAND, "", 9.0)


def test_a_recalled_pack_gives_way_to_the_kept_one_or_nothing_reads() -> None:
    slot = taken(committed(), None, frozenset({pack(1).digest}), 7.0)
    assert slot is not None
    assert (slot.state, slot.active) == (UpdateState.REVERTED, FACTORY)
    assert slot.setback is not None
    assert slot.setback.reason == "pack-recalled"
    again = taken(slot, None, frozenset({FACTORY.digest}), 8.0)
    assert again is not None
    assert (again.state, again.active, again.withheld) == (UpdateState.RECALLED, None, FACTORY)
    # A recall may be forgotten, as by a lost offers.json: the pack stays out of use.
    assert taken(again, None, frozenset(), 9.0) == again
    # A further version ends it, without a shadow: there is nothing to be compared with.
    mended = taken(again, pack(2), frozenset(), 10.0)
    assert mended is not None
    mended = slots.needed(slots.admitted(mended, 11.0), 12.0)
    assert (mended.state, mended.active, mended.withheld) == (UpdateState.PROBATION, pack(2), None)


def test_the_kept_pack_may_be_recalled_too() -> None:
    slot = taken(committed(), None, frozenset({FACTORY.digest}), 7.0)
    assert slot is not None
    assert (slot.active, slot.previous) == (pack(1), None)


def test_a_newer_offer_takes_the_place_of_one_on_trial_but_not_on_probation() -> None:
    slot = slots.offered(committed(), pack(2), 7.0)
    newer = taken(slot, pack(3), frozenset(), 8.0)
    assert newer is not None
    assert newer.candidate == pack(3)
    on_probation = slots.proved(slots.begun(slots.admitted(newer, 9.0), 10.0), 11.0)
    assert taken(on_probation, pack(4), frozenset(), 12.0) == on_probation


def test_an_offer_that_is_withdrawn_leaves_the_active_pack_alone() -> None:
    slot = slots.offered(committed(), pack(2), 7.0)
    back = taken(slot, None, frozenset(), 8.0)
    assert back is not None
    assert (back.state, back.active, back.candidate) == (UpdateState.COMMITTED, pack(1), None)
    assert not back.denied


def test_only_what_matters_to_a_technician_is_told() -> None:
    before = slots.begun(slots.admitted(slots.offered(committed(), pack(2), 7.0), 8.0), 9.0)
    assert notice_of("ct", committed(), before) is None
    replaced = notice_of("ct", before, slots.proved(before, 10.0))
    assert replaced is not None
    assert (replaced.code, replaced.detail) == ("model-replaced", "ct 1.2.0.1 instead of 1.1.0.1")
    failed = notice_of("ct", before, slots.rejected(before, Fault.CONSTANT, "5 studies", 10.0))
    assert failed is not None
    assert failed.detail == "ct 1.2.0.1: answer-constant 5 studies; in use: 1.1.0.1"
    by_hand = slots.retreated(committed(), Fault.BY_HAND, "Li", 10.0)
    assert notice_of("ct", committed(), by_hand) is None


# --- at random ------------------------------------------------------------------------------------


class Life(RuleBasedStateMachine):
    """Whatever happens in whatever order, no denied pack reads and nothing is lost."""

    @initialize()
    def new_box(self) -> None:
        self.slot = slots.installed(FACTORY, 0.0)
        self.now = 0.0

    def moved(self, slot: Slot | None) -> None:
        assert slot is not None
        self.now += 1
        before, self.slot = self.slot, slot
        if slot.state is UpdateState.PROBATION and before.state is not UpdateState.PROBATION:
            assert before.state in {UpdateState.SHADOW, UpdateState.ADMITTED}
            if before.state is UpdateState.ADMITTED:
                assert before.active is None

    @rule(number=st.integers(1, 6), recalled=st.frozensets(st.integers(0, 6), max_size=2))
    def look(self, number: int, recalled: frozenset[int]) -> None:
        digests = frozenset(pack(each).digest for each in recalled)
        self.moved(taken(self.slot, pack(number), digests, self.now))
        assert not digests & {each.digest for each in self.slot.kept if each != self.slot.withheld}

    @rule()
    def halted(self) -> None:
        self.moved(taken(self.slot, None, frozenset(), self.now))

    @precondition(lambda self: self.slot.state is UpdateState.STAGED)
    @rule()
    def passes_admission(self) -> None:
        slot = slots.admitted(self.slot, self.now)
        follow = slots.begun if slot.active else slots.needed
        self.moved(slot)
        self.moved(follow(slot, self.now))

    @precondition(lambda self: self.slot.state in {UpdateState.SHADOW, UpdateState.PROBATION})
    @rule()
    def passes(self) -> None:
        self.moved(slots.proved(self.slot, self.now))

    @precondition(lambda self: self.slot.state in ON_TRIAL)
    @rule()
    def fails(self) -> None:
        self.moved(slots.rejected(self.slot, Fault.CONSTANT, "", self.now))

    @precondition(lambda self: self.slot.previous is not None)
    @rule(deny=st.booleans())
    def gives_way(self, *, deny: bool) -> None:
        kept = self.slot.previous
        self.moved(slots.retreated(self.slot, Fault.BY_HAND, "", self.now, deny=deny))
        assert self.slot.active == kept

    @precondition(lambda self: self.slot.tries > 0)
    @rule()
    def loads(self) -> None:
        self.moved(slots.counted(self.slot))

    @invariant()
    def exactly_one_reads_unless_all_were_recalled(self) -> None:
        slot = self.slot
        assert (slot.state in ALERTING) <= (slot.active is not None)
        if slot.active is None:
            assert slot.withheld is not None

    @invariant()
    def no_denied_pack_reads_or_is_tried(self) -> None:
        for each in (self.slot.active, self.slot.candidate):
            assert each is None or each.digest not in self.slot.denied


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


# --- the file -------------------------------------------------------------------------------------


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    slot = slots.begun(slots.admitted(slots.offered(committed(), pack(2), 7.0), 8.0), 9.0)
    answer = Answer(alerted=True, digest="ab", top=0.9, latency_s=0.2)
    trial = Trial().plus(answer, Answer(alerted=False, digest="", top=0.1, latency_s=0.1))
    kept = {
        "ct": slots.retreated(committed(), "inference-crashed", "signal 8", 9.0),
        "dr": Slot(**{**{n: getattr(slot, n) for n in Slot.__slots__}, "trial": trial}),
    }
    write_slots(tmp_path / "slots.json", kept)
    assert read_slots(tmp_path / "slots.json") == kept
    assert (tmp_path / "slots.json").stat().st_mode & 0o777 == 0o640


def test_no_file_is_no_slot(tmp_path: Path) -> None:
    assert read_slots(tmp_path / "slots.json") == {}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:0],
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"committed"', '"staged"'),
        lambda text: text.replace('"committed"', '"recalled"'),
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: "\0" * len(text),
    ],
    ids=["empty", "half", "no-candidate", "recalled-and-active", "format", "zeros"],
)
def test_slots_that_cannot_be_are_refused_as_a_whole(tmp_path: Path, spoil: object) -> None:
    path = tmp_path / "slots.json"
    write_slots(path, {"ct": committed()})
    path.write_text(spoil(path.read_text()))  # type: ignore[operator]
    with pytest.raises(StorageError, match="update-slots-broken"):
        read_slots(path)


def test_a_rate_forgets_how_things_were_long_ago() -> None:
    rate = Rate()
    for _ in range(401):
        rate = rate.plus(alerted=True)
    assert rate == Rate(200, 200)
