"""The intake ledger and its group commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.domain import InstanceKey, SeriesKey, StudyKey
from appliance.errors import StorageError
from appliance.ledger.intake import Arrival, Filing, IntakeLedger, StoredKeyset
from appliance.loops import Loops
from appliance.pipeline.receive.committer import Committer

ARRIVAL = Arrival(
    blob="b1",
    study=StudyKey("s1"),
    keyset=StoredKeyset("life", b"wrapped", 7),
    series=SeriesKey("r1"),
    instance=InstanceKey("i1"),
    digest="d1",
    sop_class_uid="1.2",
    transfer_syntax_uid="1.3",
    size=10,
    received_at=5.0,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[IntakeLedger]:
    one = IntakeLedger(tmp_path / "intake.db")
    yield one
    one.close()


@pytest.fixture
def committer(ledger: IntakeLedger) -> Iterator[Committer]:
    one = Committer(ledger, Loops(SystemClock()).add("committer"))
    one.start()
    yield one
    one.stop()


def _file(ledger: IntakeLedger, arrival: Arrival) -> Filing:
    with ledger.transaction():
        return ledger.add(arrival, ledger.open_association("CT1", "10.0.0.5", 1.0))


def test_new_identical_and_conflicting_instances(ledger: IntakeLedger) -> None:
    assert _file(ledger, ARRIVAL) is Filing.NEW
    assert _file(ledger, replace(ARRIVAL, blob="b2")) is Filing.IDENTICAL
    assert _file(ledger, replace(ARRIVAL, blob="b3", digest="d2")) is Filing.CONFLICT
    assert _file(ledger, replace(ARRIVAL, blob="b4", digest="d2")) is Filing.IDENTICAL
    assert [each.blob for each in ledger.instances(ARRIVAL.study)] == ["b1", "b3"]
    assert len(ledger.associations(ARRIVAL.study)) == 4


def test_an_instance_sealed_with_a_keyset_that_is_not_the_studys_is_not_filed(
    ledger: IntakeLedger,
) -> None:
    _file(ledger, ARRIVAL)
    keyset = StoredKeyset("another", b"other", 7)
    other = replace(ARRIVAL, blob="b2", instance=InstanceKey("i2"), keyset=keyset)
    with pytest.raises(StorageError, match="keyset-changed"):
        _file(ledger, other)
    assert len(ledger.instances(ARRIVAL.study)) == 1


def test_an_unknown_study_is_empty_everywhere(ledger: IntakeLedger) -> None:
    nobody = StudyKey("nobody")
    assert ledger.instances(nobody) == ()
    assert ledger.associations(nobody) == ()
    assert ledger.last_received_at(nobody) is None
    assert ledger.wrapped_keyset(nobody) is None
    assert ledger.studies_changed_since(0) == {}


@pytest.mark.usefixtures("ledger")
def test_a_reader_cannot_write(tmp_path: Path) -> None:
    reader = IntakeLedger(tmp_path / "intake.db", read_only=True)
    with pytest.raises(StorageError):
        reader.open_association("CT1", "10.0.0.5", 1.0)
    reader.close()


def test_what_came_in_meanwhile_is_committed_together(committer: Committer) -> None:
    busy, go_on = threading.Event(), threading.Event()
    transactions: list[int] = []

    def slow(_ledger: IntakeLedger) -> None:
        busy.set()
        go_on.wait()

    def note(ledger: IntakeLedger) -> None:
        transactions.append(ledger._database.total_changes)

    waiting = [threading.Thread(target=committer.commit, args=(slow,))]
    waiting[0].start()
    busy.wait()
    waiting += [threading.Thread(target=committer.commit, args=(note,)) for _ in range(5)]
    for thread in waiting[1:]:
        thread.start()
    while committer._queue.qsize() < 5:
        threading.Event().wait(0.01)
    committed: list[str] = []
    committer._ledger._database.set_trace_callback(committed.append)
    go_on.set()
    for thread in waiting:
        thread.join()
    assert len(transactions) == 5
    assert committed.count("COMMIT") == 2


def test_a_change_that_fails_takes_no_other_with_it(committer: Committer) -> None:
    def spoilt(inner: IntakeLedger) -> None:
        inner.open_association("CT9", "10.0.0.9", 1.0)
        raise StorageError("keyset-changed")

    with pytest.raises(StorageError, match="keyset-changed"):
        committer.commit(spoilt)
    assert committer.failure is None
    assert committer.commit(lambda inner: inner.open_association("CT1", "10.0.0.5", 1.0)) == 1
    assert committer.commit(lambda inner: inner.close_lost_associations(2.0)) == 1


def test_a_fault_of_the_program_reaches_its_caller_and_no_other(committer: Committer) -> None:
    with pytest.raises(ZeroDivisionError):
        committer.commit(lambda _: 1 // 0)
    assert committer.commit(lambda _: "still here") == "still here"


@pytest.mark.parametrize(("code", "is_final"), [("disk-full", False), ("storage-failed", True)])
def test_only_a_disk_that_cannot_be_trusted_ends_acknowledging(
    committer: Committer, code: str, *, is_final: bool
) -> None:
    committer.note(StorageError(code))
    if not is_final:
        assert committer.commit(lambda _: True)
        return
    with pytest.raises(StorageError, match=code):
        committer.commit(lambda _: True)
