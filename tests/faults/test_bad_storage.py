"""A key that is missing, an altered byte, a full or read-only disk, a ledger of another release."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from appliance.daemon.analyser import Task
from appliance.daemon.quarantine import Quarantine
from appliance.domain import MessageKind, StudyKey
from appliance.errors import StorageError
from appliance.ledger.delivery import DeliveryLedger
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.storage import Reserve, free_bytes
from tests.simulators.box import OSTEON, ROOT, Surroundings, prepared
from tests.simulators.keeping import kept_box
from tests.simulators.mail import mail_server
from tests.simulators.modality import send
from tests.simulators.objects import ct_series, film
from tests.simulators.power import disk
from tests.simulators.receiving import running_receiver

MIB = 1 << 20
LEDGERS: list[Callable[..., IntakeLedger | WorkLedger | DeliveryLedger]] = [
    IntakeLedger,
    WorkLedger,
    DeliveryLedger,
]


# --- the master key -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["receive", "analyse", "deliver"])
def test_without_its_master_key_a_unit_does_not_start_and_says_what_to_do(
    tmp_path: Path, role: str
) -> None:
    with mail_server(tmp_path) as mail:
        box = prepared(tmp_path, Surroundings(mail))
        (tmp_path / "master.key").unlink()
        done = subprocess.run(
            [*OSTEON, "role", role, "--config", str(box.config)],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
            cwd=ROOT,
        )
    assert done.returncode == 1
    assert "master-key-missing" in done.stderr
    assert "to do:" in done.stderr
    # Nothing was opened, so that nothing could be received in clear.
    assert not (box.state / role).exists()


# --- an altered byte ------------------------------------------------------------------------------


def test_an_image_with_an_altered_byte_is_set_aside_and_can_be_sent_again(tmp_path: Path) -> None:
    images = ct_series(3)
    with kept_box(tmp_path) as box:
        study = box.receive(*images)
        broken = box.receiver.instances()[1]
        alter(box.state.spool / broken.blob[:1] / broken.blob)
        task = last_attempt_at(box.receiver.ledger, box.work, box.receiver.master, study)

        def stage(given: Task) -> None:
            for instance in box.receiver.instances():
                with given.seal.reader(box.receiver.store.open(instance.blob)) as stream:
                    stream.read()

        with box.receiver.ledger() as intake:
            quarantine = Quarantine(intake, box.work, box.receiver.store)
            with pytest.raises(StorageError, match="seal-broken"):
                quarantine.around(stage)(task)
        assert box.work.broken() == (broken.id,)
        box.look()
        with box.receiver.ledger() as intake:
            assert len(intake.instances(study)) == 2
            assert intake.quarantined(study) == (broken.id,)
        assert send(box.receiver.port, images) == [0] * 3
        with box.receiver.ledger() as intake:
            again = intake.instances(study)
            assert intake.quarantined(study) == ()
        assert len(again) == 3
        assert again[-1].instance == broken.instance
        assert all(box.receiver.file_of(each) for each in again)


def test_an_earlier_attempt_sets_nothing_aside(tmp_path: Path) -> None:
    with kept_box(tmp_path) as box:
        study = box.receive(film())
        task = last_attempt_at(box.receiver.ledger, box.work, box.receiver.master, study, 1)

        def stage(_: Task) -> None:
            raise StorageError("seal-broken")

        with box.receiver.ledger() as intake, pytest.raises(StorageError):
            Quarantine(intake, box.work, box.receiver.store).around(stage)(task)
        assert box.work.broken() == ()


def alter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def last_attempt_at(ledger, work, master, study: StudyKey, attempt: int = 3) -> Task:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """What the analyser hands to a stage."""
    with ledger() as intake:
        wrapped = intake.wrapped_keyset(study)
        through = intake.instances(study)[-1].id
    revision = work.open_revision(study, master.case_code(study), through, 0.0)
    return Task(revision, master.open_keyset(study, wrapped), attempt)


# --- the disk -------------------------------------------------------------------------------------


def test_the_reserve_is_given_back_when_the_disk_is_full_and_taken_again_later(
    tmp_path: Path,
) -> None:
    with disk(tmp_path, mib=48) as small:
        reserve = Reserve(small.root / "reserve", 8 * MIB)
        reserve.look()
        assert (small.root / "reserve").stat().st_blocks * 512 >= 8 * MIB
        filler = small.root / "filler"
        fill(filler)
        assert free_bytes(small.root) < MIB
        reserve.look()
        # The file system keeps some of it for root.
        assert free_bytes(small.root) >= 4 * MIB
        reserve.look()
        assert not (small.root / "reserve").exists()
        filler.unlink()
        reserve.look()
        assert (small.root / "reserve").exists()


@pytest.mark.timeout(300)
def test_on_a_full_disk_an_alert_is_still_committed_and_studies_still_go(tmp_path: Path) -> None:
    with disk(tmp_path, mib=48) as small, kept_box(small.root / "state") as box:
        reserves = [
            Reserve(folder / "reserve", 4 * MIB)
            for folder in (box.state.analyse, box.state.deliver, box.state.receive)
        ]
        for each in reserves:
            each.look()
        gone = box.finished(*ct_series(2, side=128))
        told = box.receive(film())
        box.look()
        box.pass_days(15)
        fill(small.root / "filler")
        with pytest.raises(StorageError, match="disk-full"):
            box.report(told, MessageKind.CLINICAL_ALERT)
        for each in reserves:
            each.look()
        items = box.report(told, MessageKind.CLINICAL_ALERT)
        box.take_up(*items)
        assert len(box.work.outbox_of(told)) == 1
        box.look()
        assert gone not in box.living()


def fill(path: Path) -> None:
    """Take all the room that there is."""
    with path.open("wb", buffering=0) as file:
        for size in (MIB, 4096):
            try:
                while True:
                    if file.write(bytes(size)) < size:
                        break
            except OSError:
                continue


def test_58_a_medium_that_turns_read_only_stops_the_acknowledging_and_says_so(
    tmp_path: Path,
) -> None:
    [first, second] = ct_series(2)
    with disk(tmp_path) as medium:
        folder = medium.root / "state"
        folder.mkdir()
        with running_receiver(folder) as running:
            assert send(running.port, [first]) == [0]
            # What ext4 does by itself after an error of the medium, open files or not.
            subprocess.run(["mount", "-o", "remount,abort", medium.root], check=True)
            assert send(running.port, [second]) == [0xA700]
            assert running.receiver.failure is not None
            assert running.receiver.failure.code == "storage-failed"
            assert len(running.instances()) == 1


# --- ledgers of other releases --------------------------------------------------------------------


@pytest.mark.parametrize("kind", LEDGERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("read_only", [False, True], ids=["writer", "reader"])
def test_a_ledger_of_a_later_release_is_refused_and_left_alone(
    tmp_path: Path, kind: type[WorkLedger], *, read_only: bool
) -> None:
    path = tmp_path / "ledger.db"
    kind(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version=99")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="ledger-newer"):
        kind(path, read_only=read_only)
    assert path.read_bytes() == before


def test_an_older_intake_ledger_is_taken_over_with_all_that_it_knows(tmp_path: Path) -> None:
    with running_receiver(tmp_path) as running:
        for _ in range(2):
            send(running.port, ct_series(3))
    with closing(sqlite3.connect(tmp_path / "intake.db")) as database:
        to_version_1(database)
    with running_receiver(tmp_path) as running:
        with running.ledger() as intake:
            lives = intake.lives.all()
            assert [(each.first, each.newest, each.images) for each in lives] == [
                (1, 3, 3),
                (4, 6, 3),
            ]
            assert all(each.bytes > 0 and each.received_at > 0 for each in lives)
        assert all(running.file_of(each) for each in running.instances())
        assert send(running.port, [film()]) == [0]
        while running.receiver.upkeep.wrap_anew():
            pass
        with running.ledger() as intake:
            assert intake.lives.sole_wrapping_key() == running.master.wrapping_key
        assert all(running.file_of(each) for each in running.instances())


def to_version_1(database: sqlite3.Connection) -> None:
    """What the release before retention had written."""
    for index in ("studies_newest", "instances_of_association", "visits_of_association"):
        database.execute(f"DROP INDEX {index}")
    for table in ("doomed", "lived_time", "wrapping"):
        database.execute(f"DROP TABLE {table}")
    added = ("life", "wrapped_by", "first", "newest", "images", "bytes", "received_at", "settled_s")
    for column in added:
        database.execute(f"ALTER TABLE studies DROP COLUMN {column}")
    database.execute("ALTER TABLE instances DROP COLUMN quarantined")
    database.execute("PRAGMA user_version=1")
    database.commit()
