"""Which pack an analyser loads at its start, whatever the last one left behind: always just one."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.audit.events import AuditEvent
from appliance.clock import SystemClock
from appliance.config.schema import PackUse
from appliance.daemon.packs import activation as activation_module
from appliance.daemon.packs import loading
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.loading import Loaded, Loader
from appliance.daemon.packs.places import PackPlaces
from appliance.daemon.packs.record import ModelRecord
from appliance.daemon.packs.warm import WarmModels
from appliance.daemon.trial.rollbacks import Interrupter, RollbackFolder, Rollbacks, Verdict
from appliance.errors import AnalysisError, Notice, StorageError
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.package import open_pack
from appliance.ledger.models import ModelStates
from appliance.update import slots
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.states import FULL_TRIES, UpdateState
from tests.simulators import spot_pack

NAME = spot_pack.NAME
USE = PackUse(name=NAME)


class StandIn:
    """In place of a child: starting one takes seconds.

    sick: versions that do not start. hanging: those that do so only when they are closed.
    """

    sick: frozenset[str] = frozenset()
    hanging: frozenset[str] = frozenset()
    started: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, pack: Pack, *_: object) -> None:
        self.pack = pack
        self.pid: int | None = None
        self.is_closed = threading.Event()

    def warm_up(self) -> None:
        version = self.pack.identity.version
        StandIn.started.append(version)
        if version in StandIn.hanging:
            assert self.is_closed.wait(60)
            raise AnalysisError("inference-crashed", "ended amid its start")
        if version in StandIn.sick:
            raise AnalysisError("self-test-failed", "spot: missing")
        self.pid = 1

    def close(self) -> None:
        self.pid = None
        self.is_closed.set()


@dataclass
class Disk:
    """The factory folder, the store, and the analyser's own folder."""

    root: Path
    told: list[Notice] = field(default_factory=list)
    recorded: list[AuditEvent] = field(default_factory=list)

    @property
    def places(self) -> PackPlaces:
        return PackPlaces(self.root / "factory", self.root / "store", Trust.shipped())

    def start(self) -> tuple[Activation, Loaded]:
        """An analyser starts; nothing of an earlier one is in memory."""
        StandIn.started.clear()
        activation = Activation(self.root, SystemClock(), self.told.append, self.recorded.append)
        return activation, Loader(activation, SystemClock()).load(USE, self.places)

    def version(self) -> str:
        """The one that reads after a start."""
        _, loaded = self.start()
        assert loaded.model is not None
        return loaded.model.identity.version

    def slot(self, slot: Slot) -> None:
        Activation(self.root, SystemClock(), self.told.append, self.recorded.append).put(NAME, slot)

    def kept(self) -> Slot:
        found = Activation(self.root, SystemClock(), self.told.append, self.recorded.append).of(
            NAME
        )
        assert found is not None
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Factory pack 0.1.0.1 and, in the store, 0.2.0.1."""
    root = tmp_path_factory.mktemp("made")
    spot_pack.write(root / "factory")
    home = spot_pack.write(root / "later", "0.2.0.1") / NAME
    digest = open_pack(home, Trust.shipped()).identity.digest
    (root / "store").mkdir()
    home.rename(root / "store" / digest)
    return root


@pytest.fixture
def disk(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr(loading, "InferenceHost", StandIn)
    monkeypatch.setattr(StandIn, "sick", frozenset())
    monkeypatch.setattr(StandIn, "hanging", frozenset())
    shutil.copytree(made / "factory", tmp_path / "factory")
    shutil.copytree(made / "store", tmp_path / "store")
    return Disk(tmp_path)


def factory(disk: Disk) -> PackRef:
    return disk.places.factory_pack(NAME)


def update(disk: Disk) -> PackRef:
    (place,) = disk.places.store.iterdir()
    return PackRef("0.2.0.1", place.name, 1, Source.STORE)


def on_probation(disk: Disk) -> Slot:
    slot = slots.proved(slots.installed(factory(disk), 0.0), 1.0)
    slot = slots.begun(slots.admitted(slots.offered(slot, update(disk), 2.0), 3.0), 4.0)
    return slots.proved(slot, 5.0)


def test_exactly_one_pack_reads_after_a_kill_in_each_state(disk: Disk) -> None:
    installed = slots.installed(factory(disk), 0.0)
    committed = slots.proved(installed, 1.0)
    staged = slots.offered(committed, update(disk), 2.0)
    admitted = slots.admitted(staged, 3.0)
    shadow = slots.begun(admitted, 4.0)
    probation = slots.proved(shadow, 5.0)
    lives = [
        (installed, "0.1.0.1"),
        (committed, "0.1.0.1"),
        (staged, "0.1.0.1"),
        (admitted, "0.1.0.1"),
        (shadow, "0.1.0.1"),
        (probation, "0.2.0.1"),
        (slots.proved(probation, 6.0), "0.2.0.1"),
        (slots.rejected(shadow, "x", "", 6.0), "0.1.0.1"),
        (slots.retreated(probation, "x", "", 6.0), "0.1.0.1"),
    ]
    for slot, version in lives:
        disk.slot(slot)
        assert disk.version() == version, slot.state
        assert StandIn.started == [version], slot.state


def test_a_new_box_begins_with_its_factory_pack_on_probation(disk: Disk) -> None:
    assert disk.version() == "0.1.0.1"
    assert disk.kept().state is UpdateState.PROBATION


def test_a_pack_that_takes_the_analyser_down_each_time_is_taken_back(disk: Disk) -> None:
    disk.slot(on_probation(disk))
    for tries in reversed(range(FULL_TRIES)):
        assert disk.version() == "0.2.0.1"
        assert disk.kept().tries == tries, "counted before the load, durably"
    assert disk.version() == "0.1.0.1"
    slot = disk.kept()
    assert (slot.state, slot.setback and slot.setback.reason) == (
        UpdateState.REVERTED,
        "load-tries-exhausted",
    )
    assert [each.code for each in disk.told] == ["model-taken-back"]
    assert update(disk).digest in slot.denied


def test_a_pack_that_does_not_start_is_taken_back_at_once(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandIn, "sick", frozenset({"0.2.0.1"}))
    disk.slot(on_probation(disk))
    assert disk.version() == "0.1.0.1"
    assert disk.kept().setback is not None
    assert "self-test-failed" in disk.told[0].detail


def test_a_factory_pack_is_never_taken_from_a_box_that_has_no_other(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandIn, "sick", frozenset({"0.1.0.1"}))
    for _ in range(FULL_TRIES + 2):
        _, loaded = disk.start()
        assert loaded.model is not None, "its studies are refused aloud, each time"
        assert loaded.error is not None
    assert disk.kept().state is UpdateState.PROBATION


def test_a_stored_pack_that_the_disk_lost_gives_way_and_may_come_back(disk: Disk) -> None:
    disk.slot(slots.proved(on_probation(disk), 6.0))
    lost = update(disk)
    shutil.rmtree(disk.places.store / lost.digest)
    assert disk.version() == "0.1.0.1"
    assert lost.digest not in disk.kept().denied


def test_with_nothing_kept_the_factory_pack_takes_the_place_of_a_lost_one(disk: Disk) -> None:
    alone = slots.needed(slots.admitted(slots.arrived(update(disk), 0.0), 1.0), 2.0)
    disk.slot(alone)
    network = disk.places.store / update(disk).digest / "network.onnx"
    network.write_bytes(network.read_bytes()[:-1] + b"?")
    assert disk.version() == "0.1.0.1"


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 4096], ids=["empty", "torn", "zeros"])
def test_slots_that_cannot_be_read_begin_anew_with_the_factory_pack_aloud(
    disk: Disk, content: bytes
) -> None:
    disk.slot(slots.proved(on_probation(disk), 6.0))
    (disk.root / "slots.json").write_bytes(content)
    assert disk.version() == "0.1.0.1"
    assert [each.code for each in disk.told] == ["update-slots-lost"]
    assert (disk.root / "slots.broken").read_bytes() == content
    assert disk.version() == "0.1.0.1", "and the next start reads what this one wrote"


def test_a_newer_factory_pack_takes_the_place_of_its_predecessor(disk: Disk) -> None:
    disk.start()
    shutil.rmtree(disk.places.factory / NAME)
    spot_pack.write(disk.places.factory, "0.1.1.1")
    assert disk.version() == "0.1.1.1"


def test_a_recalled_pack_is_not_loaded_and_what_it_read_is_still_known(disk: Disk) -> None:
    disk.slot(slots.blocked(slots.installed(factory(disk), 0.0), "pack-recalled", "", 1.0))
    for _ in range(2):
        _, loaded = disk.start()
        assert StandIn.started == []
        assert loaded.model is None
        assert loaded.withheld is not None
        assert loaded.withheld.pack == NAME
    shutil.rmtree(disk.places.factory / NAME)
    spot_pack.write(disk.places.factory, "0.1.1.1")
    assert disk.version() == "0.1.1.1", "a newer release of the box ends it"


def test_a_revert_counts_even_on_a_full_disk_and_is_written_later(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.slot(on_probation(disk))
    activation = Activation(disk.root, SystemClock(), disk.told.append, disk.recorded.append)

    def no_room(*_: object) -> None:
        raise StorageError("disk-full")

    with monkeypatch.context() as broken:
        broken.setattr(activation_module, "write_slots", no_room)
        assert activation.take_back(NAME, "inference-crashed")
        with pytest.raises(StorageError):
            activation.put(NAME, slots.steady(on_probation(disk)))
    assert activation.slots[NAME].state is UpdateState.REVERTED
    assert disk.kept().state is UpdateState.PROBATION, "not on the disk yet"
    activation.save()
    assert disk.kept().state is UpdateState.REVERTED


@pytest.mark.parametrize("is_proved", [False, True], ids=["on probation", "committed"])
def test_a_start_that_a_rollback_interrupts_is_taken_back_by_hand_and_not_as_a_crash(
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
    is_proved: bool,  # noqa: FBT001
) -> None:
    slot = on_probation(disk)
    disk.slot(slots.proved(slot, 6.0) if is_proved else slot)
    monkeypatch.setattr(StandIn, "hanging", frozenset({"0.2.0.1"}))
    StandIn.started.clear()
    activation = Activation(disk.root, SystemClock(), disk.told.append, disk.recorded.append)
    loader = Loader(activation, SystemClock())
    models = WarmModels(
        activation, loader, ModelRecord(ModelStates(disk.root / "work.db"), SystemClock())
    )
    folder = RollbackFolder(disk.root)
    rollbacks = Rollbacks(folder, activation)
    interrupter = Interrupter(rollbacks, models.interrupt, SystemClock())
    request = folder.ask(None, "too many alerts", "A. Chen")
    try:
        loaded = loader.load(USE, disk.places)
    finally:
        interrupter.close()
    assert loaded.error is not None
    assert StandIn.started == ["0.2.0.1"]
    rollbacks.attend()
    again = loader.load(USE, disk.places)
    assert again.model is not None
    rollbacks.settle({NAME: again.model.identity.version})
    result = folder.answer_to(request)
    assert result is not None
    assert result.verdict is Verdict.DONE
    assert "0.1.0.1 reads now" in result.text
    setback = disk.kept().setback
    assert setback is not None
    assert (setback.reason, setback.detail) == ("rolled-back-by-hand", "A. Chen: too many alerts")
