"""An update killed, cut from power or out of disk at its system calls: the old offer or the new."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.update.source import FolderSource
from tests.simulators.power import disk, mounted
from tests.simulators.stoppable import MUTATING, Worker, traced, worker
from tests.simulators.update_box import UpdateBox
from tests.simulators.update_repository import NAME
from tests.simulators.update_worker import (
    FILLING,
    TOLD,
    Moment,
    Parts,
    moments,
    parts,
    wait_until_stopped,
)

SAMPLE = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def warm() -> Iterator[Worker]:
    with worker("tests.simulators.update_worker") as started:
        yield started


def some(found: Sequence[Moment], sample: int) -> Sequence[Moment]:
    """The first, the last, and as many between as asked."""
    step = max(1, len(found) // sample)
    return [*found[:-1:step], found[-1]]


def assert_whole(box: UpdateBox, made: Parts) -> None:
    """What the analyser would find: exactly the old or the new offer, each with its pack."""
    offer = box.offers.offers.get(NAME)
    shipped = Trust.from_bytes(box.root, (made.repository / "metadata/1.targets.json").read_bytes())
    trust = shipped.carried_forward(box.places.metadata)
    assert trust.targets.version in {1, 2}
    assert box.floors.read().root >= 1
    if offer is not None:  # withdrawn while the new one is on its way: what runs stays in slots
        assert offer.digest in {made.old.digest, made.new.digest}
        assert open_pack(box.places.packs / offer.digest, trust).identity.digest == offer.digest
    assert open_pack(box.places.packs / made.old.digest, trust).identity.digest == made.old.digest


def assert_recovers(box: UpdateBox, made: Parts) -> None:
    """The next attempt comes to its end by itself and leaves nothing behind."""
    box.commit(made.old)
    assert box.apply(FolderSource(made.repository)) == ()
    assert box.offers.offers[NAME].digest == made.new.digest
    assert_whole(box, made)
    box.check(FolderSource(made.repository))
    folder = box.places
    assert {place.name for place in folder.packs.iterdir()} == {made.old.digest, made.new.digest}
    assert not list(folder.partial.iterdir())
    assert len(list(folder.root.glob("metadata.*"))) == 1
    assert not list(folder.root.rglob("*.tmp"))
    assert not list(folder.client.glob("tmp*"))


def fresh(made: Parts, name: str) -> UpdateBox:
    shutil.copytree(made.folder / "begun", made.folder / name, symlinks=True)
    return made.box(name)


def killed_at(warm: Worker, made: Parts, places: Sequence[Moment]) -> None:
    for number, moment in enumerate(places):
        box = fresh(made, f"killed{number}")
        pid = warm.begin(box.folder, made.repository, made.folder / "device.pem")
        with traced(pid, f"trace={MUTATING}", moment.inject("signal=KILL")):
            assert warm.ended() == -signal.SIGKILL, moment
        assert_whole(box, made)
        assert_recovers(box, made)
        shutil.rmtree(box.folder)


@pytest.mark.timeout(300)
def test_an_update_killed_at_some_system_calls(warm: Worker, made: Parts) -> None:
    found = moments(warm, made, MUTATING, "counted")
    assert len(found) > 60
    killed_at(warm, made, some(found, SAMPLE))


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_an_update_killed_at_every_system_call(warm: Worker, made: Parts) -> None:
    killed_at(warm, made, moments(warm, made, MUTATING, "counted-all"))


def starved_at(warm: Worker, made: Parts, places: Sequence[Moment]) -> None:
    for number, moment in enumerate(places):
        box = fresh(made, f"starved{number}")
        pid = warm.begin(box.folder, made.repository, made.folder / "device.pem")
        full = moment.inject_from_here_on(FILLING, "error=ENOSPC")
        with traced(pid, f"trace={FILLING}", *full):
            assert warm.ended() == TOLD, moment
        assert_whole(box, made)
        assert_recovers(box, made)
        shutil.rmtree(box.folder)


@pytest.mark.timeout(300)
def test_a_disk_that_is_full_from_some_write_on(warm: Worker, made: Parts) -> None:
    starved_at(warm, made, some(moments(warm, made, FILLING, "filled"), SAMPLE))


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_a_disk_that_is_full_from_any_write_on(warm: Worker, made: Parts) -> None:
    starved_at(warm, made, moments(warm, made, FILLING, "filled-all"))


def cut_at(warm: Worker, made: Parts, folder: Path, places: Sequence[Moment]) -> None:
    """The medium is copied while the attempt stands still before that call."""
    media = []
    with disk(folder, mib=192) as power:
        shutil.copytree(made.folder / "begun", power.root / "begun", symlinks=True)
        for number, moment in enumerate(places):
            box = power.root / f"box{number}"
            shutil.copytree(power.root / "begun", box, symlinks=True)
            subprocess.run(["sync", "-f", power.root], check=True)
            pid = warm.begin(box, made.repository, made.folder / "device.pem")
            log = folder / f"cut{number}.trace"
            with traced(pid, f"trace={MUTATING}", moment.inject("signal=STOP"), log=log):
                wait_until_stopped(log)
                media.append((number, power.cut(folder / f"cut{number}")))
                os.kill(pid, signal.SIGKILL)
                assert warm.ended() == -signal.SIGKILL
            shutil.rmtree(box)
    for number, medium in media:
        with mounted(medium, folder / "after") as root:
            (folder / "device.pem").write_bytes((made.folder / "device.pem").read_bytes())
            box = UpdateBox(root / f"box{number}", made.box("begun").root, made.box("begun").signer)
            assert_whole(box, made)
            assert_recovers(box, made)
        medium.unlink()


@pytest.mark.timeout(300)
def test_power_cuts_at_some_system_calls(warm: Worker, made: Parts, tmp_path: Path) -> None:
    cut_at(warm, made, tmp_path, some(moments(warm, made, MUTATING, "cut"), 4))


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_power_cuts_at_many_system_calls(warm: Worker, made: Parts, tmp_path: Path) -> None:
    found = moments(warm, made, MUTATING, "cut-many")
    cut_at(warm, made, tmp_path, some(found, len(found) // 2))
