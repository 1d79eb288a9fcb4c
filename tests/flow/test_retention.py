"""Studies go when their days are over, key first; what is not finished never goes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.daemon import forgetting, keeping
from appliance.daemon.keeping import present_plan
from appliance.domain import MessageKind, StudyKey
from appliance.errors import StorageError
from appliance.ledger.delivery import DeliveryLedger
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.lives import Lives
from appliance.ledger.work import WorkLedger
from appliance.retention.lived_time import LivedTime
from appliance.retention.plan import Hold, Why
from appliance.storage import BlobStore
from tests.simulators.hospital import every_byte_below
from tests.simulators.keeping import (
    EVENT_CANARY,
    SUMMARY_CANARY,
    KeptBox,
    kept_box,
)
from tests.simulators.objects import ct_series, film

ALERT = MessageKind.CLINICAL_ALERT
RESULT = MessageKind.RESULT_OBJECT


@pytest.fixture
def box(tmp_path: Path) -> Iterator[KeptBox]:
    with kept_box(tmp_path, days=14, alert_days=30) as one:
        yield one


def rows_about(box: KeptBox, study: StudyKey) -> list[str]:
    """Every table of every ledger that holds a row with something of a study."""
    case = box.receiver.master.case_code(study)
    found = []
    for path in (box.state.intake, box.state.work, box.state.delivery):
        database = sqlite3.connect(path)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            rows = database.execute(f"SELECT * FROM {table}").fetchall()
            found += [
                f"{path.name}:{table}" for row in rows if {study, case} & {str(one) for one in row}
            ]
        database.close()
    return found


# --- what goes ------------------------------------------------------------------------------------


def test_a_finished_study_is_counted_from_when_it_was_seen_finished(box: KeptBox) -> None:
    study = box.finished(*ct_series(2))
    box.look()
    box.pass_days(13.9)
    box.look()
    assert box.living() == {study}
    box.pass_days(0.2)
    [going] = box.plan().going
    assert (going.facts.study, going.why) == (study, Why.DAYS)
    assert box.living() == {study}
    box.look()
    assert box.living() == frozenset()
    assert box.files() == []
    assert rows_about(box, study) == []


def test_an_alert_is_kept_for_longer(box: KeptBox) -> None:
    quiet, alerted = box.finished(film()), box.finished(film(), kinds=(ALERT, RESULT))
    box.look()
    box.pass_days(15)
    box.look()
    assert box.living() == {alerted}
    box.pass_days(16)
    box.look()
    assert box.living() == frozenset()
    assert rows_about(box, quiet) == rows_about(box, alerted) == []


def test_what_went_leaves_nothing_in_free_pages_or_wal(box: KeptBox) -> None:
    study = box.finished(*ct_series(2), kinds=(ALERT, RESULT))
    with box.receiver.ledger() as intake:
        [wrapped] = [intake.wrapped_keyset(study)]
        blobs = [each.blob.encode() for each in intake.instances(study)]
    assert wrapped is not None
    case = box.receiver.master.case_code(study)
    planted = [wrapped, study.encode(), case.encode(), SUMMARY_CANARY.encode()]
    planted += [EVENT_CANARY.encode(), *blobs]
    found = every_byte_below(box.state.root, planted)
    assert {needle for _, needle in found} == set(planted)
    box.look()
    box.pass_days(31)
    box.look()
    assert every_byte_below(box.state.root, planted) == []
    for path in (box.state.intake, box.state.work, box.state.delivery):
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0


def test_a_reader_puts_the_truncation_off_and_no_more(box: KeptBox) -> None:
    study = box.finished(film())
    box.look()
    box.pass_days(15)
    reader = sqlite3.connect(box.state.intake, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM studies").fetchone() == (1,)
    box.look()
    assert box.living() == frozenset()
    assert every_byte_below(box.state.receive, [study.encode()])
    reader.close()
    box.look()
    assert every_byte_below(box.state.receive, [study.encode()]) == []


# --- what stays -----------------------------------------------------------------------------------


def test_what_is_not_finished_never_goes(box: KeptBox) -> None:
    untouched = box.receive(film())
    under_way = box.receive(film())
    with box.receiver.ledger() as intake:
        through = intake.instances(under_way)[-1].id
    box.work.open_revision(under_way, box.receiver.master.case_code(under_way), through, 0.0)
    posted = box.receive(film())
    box.report(posted, ALERT)
    unsent = box.receive(film())
    box.take_up(*box.report(unsent, RESULT), sent=False)
    unseen = box.receive(film())
    box.take_up(*box.report(unseen, ALERT))
    box.site = box.site.model_copy(update={"retention": tight(box)})
    for _ in range(3):
        box.look()
        box.pass_days(100)
    assert {each.facts.study: each.hold for each in box.plan().staying} == {
        untouched: Hold.NOT_TAKEN_UP,
        under_way: Hold.UNDER_WAY,
        posted: Hold.UNDELIVERED,
        unsent: Hold.UNDELIVERED,
        unseen: Hold.UNACKNOWLEDGED,
    }
    assert box.plan().lacking > 0
    assert len(box.living()) == 5


def tight(box: KeptBox) -> object:
    """A policy for which this disk is always too full."""
    return box.site.retention.model_copy(update={"disk_high_percent": 1, "disk_low_percent": 0})


def test_a_study_that_gets_a_message_more_is_held_again(box: KeptBox) -> None:
    one, *more = ct_series(3)
    study = box.finished(one)
    box.look()
    box.pass_days(13)
    box.receive(*more)
    items = box.report(study, ALERT)
    box.pass_days(2)
    box.look()
    box.take_up(*items)
    box.end(*items, ending="acknowledged")
    box.look()
    box.pass_days(29)
    box.look()
    assert box.living() == {study}
    box.pass_days(1.1)
    box.look()
    assert box.living() == frozenset()


# --- the disk -------------------------------------------------------------------------------------


def test_above_the_high_watermark_those_that_finished_first_go_first(
    box: KeptBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = []
    for _ in range(4):
        studies.append(box.finished(*ct_series(1, side=64)))
        box.look()
        box.pass_days(0.1)
    size = box.plan().staying[0].facts.bytes
    monkeypatch.setattr(keeping, "total_bytes", lambda _: 1000 * size)
    changed = {"dicom": box.site.dicom.model_copy(update={"limits": without_reserve(box)})}
    box.site = box.site.model_copy(update=changed)
    monkeypatch.setattr(keeping, "free_bytes", lambda _: 150 * size)
    assert box.plan().going == ()
    monkeypatch.setattr(keeping, "free_bytes", lambda _: 149 * size)
    assert box.plan().lacking > 0
    kept = box.site.retention.model_copy(update={"disk_low_percent": 85})
    box.site = box.site.model_copy(update={"retention": kept})
    assert [(each.facts.study, each.why) for each in box.plan().going] == [(studies[0], Why.DISK)]


def without_reserve(box: KeptBox) -> object:
    """Limits whose reserve is too small to matter."""
    return box.site.dicom.limits.model_copy(update={"keep_free_mib": 0})


def test_a_result_that_was_given_up_is_not_sacrificed_for_room(box: KeptBox) -> None:
    study = box.receive(film())
    items = box.report(study, RESULT)
    box.take_up(*items)
    box.end(*items, ending="given-up")
    box.look()
    box.site = box.site.model_copy(update={"retention": tight(box)})
    box.look()
    assert box.living() == {study}
    box.pass_days(31)
    box.look()
    assert box.living() == frozenset()


# --- what comes again -----------------------------------------------------------------------------


def test_an_image_that_arrives_between_plan_and_deed_saves_its_study(box: KeptBox) -> None:
    first, second = ct_series(2)
    study = box.finished(first)
    box.look()
    box.pass_days(15)
    [going] = box.plan().going
    box.receive(second)
    assert not box.receiver.receiver.upkeep.end(going.facts.study, going.facts.newest)
    assert box.living() == {study}


def test_the_same_image_sent_again_lets_the_days_begin_anew(box: KeptBox) -> None:
    [one] = ct_series(1)
    study = box.finished(one)
    box.look()
    box.pass_days(13)
    box.receive(one)
    box.look()
    box.pass_days(2)
    box.look()
    assert box.living() == {study}


def test_a_study_that_comes_again_lives_anew_with_another_key(box: KeptBox) -> None:
    images = ct_series(2)
    study = box.finished(*images, kinds=(ALERT,))
    with box.receiver.ledger() as intake:
        before = intake.keyset(study)
    box.look()
    box.pass_days(31)
    box.look()
    assert box.receive(*images) == study
    with box.receiver.ledger() as intake:
        after = intake.keyset(study)
        assert len(intake.instances(study)) == 2
        assert intake.lives.first_instance(study) == intake.instances(study)[0].id == 3
    assert before is not None
    assert after is not None
    assert before.life != after.life
    [item] = box.report(study, ALERT)
    assert item == 2  # never a number that the deliverer has taken up before
    assert box.delivery.last_outbox() == 1


def test_a_study_of_which_an_image_is_arriving_is_left_alone(box: KeptBox) -> None:
    study = box.finished(film())
    box.look()
    box.pass_days(15)
    upkeep = box.receiver.receiver.upkeep
    upkeep._keysets.borrow(study)
    box.look()
    assert box.living() == {study}
    upkeep._keysets.give_back(study)
    box.look()
    assert box.living() == frozenset()


def test_a_study_with_an_open_association_is_left_alone(box: KeptBox) -> None:
    study = box.finished(film())
    box.look()
    box.pass_days(15)
    with box.receiver.writer.transaction():
        box.receiver.writer._execute("UPDATE associations SET closed_at = NULL")
    box.look()
    assert box.living() == {study}


# --- the clock ------------------------------------------------------------------------------------


def test_a_clock_that_jumps_to_2099_does_nothing(box: KeptBox) -> None:
    study = box.finished(film())
    with box.receiver.ledger() as intake:
        lived, keeper = LivedTime(box.clock, None), box.keeper()
        for _ in range(3):
            keeper.look(intake, lived)
            box.clock.advance(3600)
            box.clock._now += 2e9
        assert box.living() == {study}
        [staying] = present_plan(box.state, box.site, intake, lived.now()).staying
    assert staying.left_s == 14 * 86_400 - 3 * 3600


def test_a_start_at_2099_lets_nothing_go(box: KeptBox) -> None:
    study = box.finished(film())
    box.look()
    box.pass_days(1)
    box.look()
    box.clock._now = 4_085_000_000.0
    for _ in range(3):
        box.clock._steady = 50.0
        box.look()
    assert box.living() == {study}
    [staying] = box.plan().staying
    # A start believes the wall clock for a day at most, and only once.
    assert staying.left_s == pytest.approx(12 * 86_400, abs=200)


def test_a_clock_that_was_set_back_ages_studies_by_the_time_that_the_box_is_on(
    box: KeptBox,
) -> None:
    study = box.finished(film())
    box.look()
    box.clock._now = 100.0
    box.pass_days(13)
    box.look()
    assert box.living() == {study}
    box.pass_days(1.1)
    box.look()
    assert box.living() == frozenset()


# --- kills ----------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


STEPS: list[tuple[type, str]] = [
    (Lives, "end"),
    (Lives, "doomed"),
    (Lives, "bury"),
    (Lives, "settle"),
    (Lives, "keep_time"),
    (BlobStore, "delete_all"),
    (WorkLedger, "forget"),
    (DeliveryLedger, "forget"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0].__name__}.{step[1]}")
def test_killed_at_any_step_the_next_run_ends_clean(
    box: KeptBox, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str], *, after: bool
) -> None:
    gone = box.finished(*ct_series(3), kinds=(ALERT, RESULT))
    box.look()
    box.pass_days(31)
    kept = box.receive(film())
    box.report(kept, ALERT)
    fresh = box.finished(film())
    with monkeypatch.context() as patched:
        owner, name = step
        patched.setattr(owner, name, dying(getattr(owner, name), after=after))
        with pytest.raises((Killed, StorageError)):
            box.look()
    if gone in box.living():
        with box.receiver.ledger() as intake:
            assert all(box.receiver.file_of(each) for each in intake.instances(gone))
    box.look()
    box.look()
    assert box.living() == {kept, fresh}
    assert rows_about(box, gone) == []
    assert len(box.files()) == 3
    assert box.work.outbox_of(kept)


def dying(function: Callable[..., object], *, after: bool) -> Callable[..., object]:
    """The same function; the process dies before or after its effect, within no transaction."""
    first = True

    def run(*positional: object, **named: object) -> object:
        nonlocal first
        result = function(*positional, **named) if after else None
        if first:
            first = False
            # In the committer's thread a transaction is open, which a kill rolls back.
            raise (
                StorageError("disk-full", "killed") if isinstance(positional[0], Lives) else Killed
            )
        return result

    return run


def test_a_file_without_a_row_goes_at_the_second_look_and_no_other(box: KeptBox) -> None:
    box.receive(*ct_series(2))
    stray = box.receiver.store.create().commit()
    upkeep = box.receiver.receiver.upkeep
    assert upkeep.sweep_strays() == 0
    young = box.receiver.store.create().commit()
    assert upkeep.sweep_strays() == 1
    names = set(box.receiver.store.names())
    assert stray not in names
    assert young in names
    assert len(names) == 3


# --- the ledgers before this release --------------------------------------------------------------


def test_numbers_are_never_given_twice(box: KeptBox) -> None:
    study = box.finished(film(), kinds=(ALERT,))
    box.delivery.acknowledge(box.receiver.master.case_code(study), "Dr. Li", 1.0)
    [said] = box.delivery.acknowledgements()
    box.look()
    box.pass_days(31)
    box.look()
    assert box.delivery.acknowledgements() == ()
    again = box.receive(film())
    box.take_up(*box.report(again, ALERT))
    later = box.delivery.acknowledge(box.receiver.master.case_code(again), "Dr. Li", 2.0)
    assert later.id > said.id
    assert box.delivery.acknowledgements(said.id) == (later,)


def test_an_undelivered_alert_survives_a_lost_intake_ledger(box: KeptBox) -> None:
    study = box.receive(film())
    box.report(study, ALERT)
    with box.receiver.writer.transaction():
        for table in ("visits", "instances", "studies"):
            box.receiver.writer._execute(f"DELETE FROM {table}")
    box.forget()
    assert len(box.work.outbox_of(study)) == 1


def test_lived_time_goes_on_over_a_restart_of_the_unit(box: KeptBox) -> None:
    first = LivedTime(box.clock, None)
    box.clock.advance(5000)
    mark = first.mark()
    box.clock.advance(3000)
    assert LivedTime(box.clock, mark).now() == first.now() == 8000


def test_what_fails_is_said_and_tried_again(box: KeptBox) -> None:
    done: list[int] = []

    def fail_once() -> None:
        done.append(1)
        if len(done) == 1:
            raise StorageError("disk-full")

    seldom = forgetting.Seldom(fail_once, box.clock)
    for _ in range(3):
        seldom()
    assert len(done) == 1
    box.clock.advance(60)
    seldom()
    assert len(done) == 2


def test_a_reader_of_an_older_intake_ledger_waits(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "intake.db").close()
    with pytest.raises(StorageError, match="ledger-missing"):
        IntakeLedger(tmp_path / "intake.db", read_only=True)
