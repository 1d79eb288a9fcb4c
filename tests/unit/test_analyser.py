"""The loop with real ledgers and stages that do as they are told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import uid

from appliance.clock import SystemClock
from appliance.daemon.analyser import Again, Analyser, Stage, Step, Task
from appliance.domain import NotRead, Outcome, OutOfScope, Reason, Study, StudyKey
from appliance.errors import AnalysisError
from appliance.keyring import wrapped_by
from appliance.ledger.intake import Arrival, IntakeLedger, StoredKeyset
from appliance.ledger.work import Ending, Revision, WorkLedger
from appliance.lifecycle import MOST_ATTEMPTS, StudyState
from appliance.loops import Loops
from appliance.sealing import MasterKey


class Idler:
    """Counts what the loop lets happen beside the studies."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def idle(self) -> None:
        self.calls.append("idle")

    def give_way(self) -> None:
        self.calls.append("give-way")

    def ended(self, task: Task) -> None:
        self.calls.append(f"ended in {task.revision.state}")


class Box:
    """The analyser's surroundings; `stages` may be changed before a run."""

    def __init__(self, folder: Path) -> None:
        MasterKey.create(folder / "key")
        self.folder = folder
        self.master = MasterKey.load(folder / "key")
        self.receiver = IntakeLedger(folder / "intake.db")
        self.association = self.receiver.open_association("CT1", "127.0.0.1", 0.0)
        self.study = self.master.study_key("1.2.3")
        wrapped = self.master.new_keyset(self.study)
        self.keyset = StoredKeyset("life", wrapped, wrapped_by(wrapped))
        self.forgotten: list[StudyKey] = []
        self.beside = Idler()
        self.ran: list[StudyState] = []
        self.stages: dict[StudyState, Stage] = {
            StudyState.COLLECTING: self._stage(
                lambda task: Step(Study(task.revision.study, 1, (), ()), {})
            ),
            StudyState.COMPLETE: self._stage(lambda _: Step(OutOfScope(Reason("head")), {})),
            StudyState.GATED: self._stage(lambda _: Step(OutOfScope(Reason("head")), {})),
            StudyState.ANALYSED: self._stage(lambda _: Ending(Outcome.NOT_FOR_THIS_BOX, "head")),
        }
        self.open()

    def _stage(self, run: Stage) -> Stage:
        def counted(task: Task) -> Step | Ending | Again | None:
            self.ran.append(task.revision.state)
            return run(task)

        return counted

    def open(self) -> None:
        self.work = WorkLedger(self.folder / "work.db")
        self.analyser = Analyser(
            intake=IntakeLedger(self.folder / "intake.db", read_only=True),
            work=self.work,
            master=self.master,
            stages=self.stages,
            give_up=lambda _, reason: Ending(Outcome.NOT_ANALYSED, reason.code),
            forget=self.forgotten.append,
            end_former_life=self._end_former_life,
            look_round=lambda: None,
            beside=self.beside,
            loop=Loops(SystemClock()).add("analyser"),
            clock=SystemClock(),
        )

    def _end_former_life(self, study: StudyKey) -> bool:
        self.work.forget((study,))
        return True

    def receive(self, number: int, sop_class: str = uid.CTImageStorage) -> None:
        with self.receiver.transaction():
            self.receiver.add(
                Arrival(
                    blob=f"{number:032x}",
                    study=self.study,
                    keyset=self.keyset,
                    series=self.master.series_key("1.2.3.4"),
                    instance=self.master.instance_key(f"1.2.3.4.{number}"),
                    digest=str(number),
                    sop_class_uid=sop_class,
                    transfer_syntax_uid=uid.ExplicitVRLittleEndian,
                    size=1,
                    received_at=0.0,
                ),
                self.association,
            )

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.analyser.turn()

    def latest(self) -> Revision:
        found = self.work.latest(self.study)
        assert found is not None
        return found


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def failing(error: Exception) -> Callable[[Task], Step]:
    def run(_: Task) -> Step:
        raise error

    return run


def test_a_study_goes_through_every_state_once(box: Box) -> None:
    box.receive(1)
    box.turns(8)
    assert box.latest().outcome is Outcome.NOT_FOR_THIS_BOX
    assert box.ran == [
        StudyState.COLLECTING,
        StudyState.COMPLETE,
        StudyState.GATED,
        StudyState.ANALYSED,
    ]
    assert [event.name for event in box.work.events(box.study)] == [
        "complete",
        "gated",
        "analysed",
        "reported",
    ]


@pytest.mark.parametrize("turns", range(6))
def test_a_new_process_goes_on_from_the_state_that_was_committed(box: Box, turns: int) -> None:
    box.receive(1)
    box.turns(turns)
    box.open()
    box.turns(8)
    assert box.latest().outcome is Outcome.NOT_FOR_THIS_BOX
    assert len(box.ran) == 4


@pytest.mark.parametrize("state", list(StudyState)[:-1])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AnalysisError("inference-crashed"), "inference-crashed"),
        (ZeroDivisionError(), "attempts-exhausted"),
    ],
)
def test_a_stage_that_fails_ends_as_could_not_analyse(
    box: Box, state: StudyState, error: Exception, reason: str
) -> None:
    box.stages[state] = failing(error)
    box.receive(1)
    box.turns(12)
    assert (box.latest().outcome, box.latest().reason) == (Outcome.NOT_ANALYSED, reason)
    assert box.study in box.forgotten


def test_a_stage_that_takes_the_process_down_is_not_begun_for_ever(box: Box) -> None:
    def dies(_: Task) -> Step:
        raise KeyboardInterrupt

    box.stages[StudyState.GATED] = dies
    box.receive(1)
    died = 0
    for _ in range(12):
        try:
            box.analyser.turn()
        except KeyboardInterrupt:
            died += 1
            box.open()
    assert died == MOST_ATTEMPTS
    assert box.latest().reason == "attempts-exhausted"


def test_a_stage_cut_short_by_another_model_costs_the_study_no_attempt(box: Box) -> None:
    cuts = [Again(), Again(), Again(), Again(), Step(NotRead(Reason("x")), {})]
    box.stages[StudyState.GATED] = lambda _: cuts.pop(0)
    box.receive(1)
    box.turns(7)
    assert box.latest().state is StudyState.ANALYSED
    assert box.latest().attempts == 0


def test_what_goes_on_beside_ends_before_a_stage_and_begins_when_no_study_is_there(
    box: Box,
) -> None:
    box.turns(1)
    assert box.beside.calls == ["idle"]
    box.receive(1)
    box.turns(5)
    before, *later = box.beside.calls[1:]
    assert (before, later[-2:]) == ("give-way", ["ended in analysed", "idle"])
    assert "idle" not in later[:-1]


def test_content_that_comes_during_an_analysis_makes_the_next_revision(box: Box) -> None:
    box.receive(1)
    box.turns(1)
    box.receive(2)
    box.turns(12)
    assert [each.revision for each in box.work.of_case(box.latest().case)] == [1, 2]
    assert box.latest().outcome is Outcome.NOT_FOR_THIS_BOX


def test_a_dose_report_after_the_end_reopens_nothing(box: Box) -> None:
    box.receive(1)
    box.turns(8)
    box.receive(2, uid.XRayRadiationDoseSRStorage)
    box.turns(8)
    assert box.latest().revision == 1
    assert box.work.events(box.study)[-1].name == "set-aside"


def test_a_value_of_the_wrong_type_cannot_enter_a_state(box: Box) -> None:
    box.stages[StudyState.GATED] = lambda _: Step(Study(box.study, 1, (), ()), {})
    box.receive(1)
    with pytest.raises(Exception, match="ledger-broken"):
        box.turns(12)


def test_the_value_of_a_state_is_sealed(box: Box, tmp_path: Path) -> None:
    box.stages[StudyState.GATED] = lambda _: Step(NotRead(Reason("canary-reason")), {})
    box.receive(1)
    box.turns(3)
    held = b"".join(path.read_bytes() for path in tmp_path.glob("work.db*"))
    assert b"canary-reason" not in held
    assert b"gated" in held


def test_a_study_that_comes_again_after_its_end_is_a_new_one(box: Box) -> None:
    box.receive(1)
    box.turns(8)
    with box.receiver.transaction():
        box.receiver.close_association(box.association, "released", 1.0)
        box.receiver.lives.settle(box.study, 1, 0.0)
        assert box.receiver.lives.end(box.study, 1)
    box.association = box.receiver.open_association("CT1", "127.0.0.1", 2.0)
    box.receive(2)
    box.ran.clear()
    box.turns(8)
    assert (box.latest().revision, box.latest().through) == (1, 2)
    assert len(box.ran) == 4
