"""From the maker's ceremony into the other slot of a disk, by Debian 13's own systemd-sysupdate."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from appliance.errors import UpdateError
from appliance.update.os.contents import Part
from appliance.update.os.states import OsState
from appliance.update.source import FolderSource
from tests.simulators.built_images import NAME, build_output
from tests.simulators.maker import Maker
from tests.simulators.os_box import FLASHED, OsBox
from tests.simulators.partitions import Disk, unpacked
from updates.images import built_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can enter another Debian"),
]
NEW, NEWER = "1.1.0.1", "1.2.0.1"
CALLS = "write,pwrite64,copy_file_range,sendfile,fsync,fdatasync,rename,renameat,renameat2,ioctl"


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tmp_path_factory.mktemp("debian") / "root")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    maker = Maker.founded(tmp_path_factory.mktemp("maker"))
    publish(maker, NEW)
    return maker


@pytest.fixture
def maker(released: Maker, tmp_path: Path) -> Maker:
    return Maker(Path(shutil.copytree(released.folder, tmp_path / "maker")))


@pytest.fixture
def disk(maker: Maker, debian: Path, tmp_path: Path) -> Disk:
    box = OsBox(tmp_path / "box", maker.first_root)
    box.clock.wall = time.time()
    box.begin_floors()
    box.may_restart = False
    disk = Disk(box, debian)
    disk.make()
    box.sysupdate = disk.command()
    return disk


def publish(maker: Maker, version: str) -> None:
    """Built, signed by two people, rolled out to everybody and served."""
    bundle = maker.folder / "os.zip"
    output = build_output(maker.folder / "built" / version, version, size=3 << 20)
    maker.run("build-os", output, "--out", bundle)
    for holder in ("alice", "bob"):
        maker.sign(bundle, holder, "os")
    maker.run("accept", bundle)
    maker.run("rollout", "start", NAME, version)
    maker.run("publish", maker.folder / "www")


def fetch(disk: Disk, maker: Maker) -> None:
    assert disk.box.apply(FolderSource(maker.folder / "www")) == ()


def assert_holds(disk: Disk, maker: Maker, number: int, version: str) -> None:
    """A slot with exactly what the build left, under the names by which the kernel finds it."""
    image = built_image(maker.folder / "built" / version)
    root, verity = disk.slots()[2 * number : 2 * number + 2]
    for slot, part in ((root, Part.ROOT), (verity, Part.VERITY)):
        assert slot["name"] == f"{NAME}_{version}"
        assert slot["uuid"].lower() == image.partitions[part]
        assert "GUID:60" in slot["attrs"]  # read-only
        content = image.files[part].read_bytes()
        assert disk.content(slot, len(content)) == content


def starts(disk: Disk) -> str:
    version = disk.box.start()
    disk.running(version)
    return version


def test_two_updates_go_round_the_slots_and_never_over_the_running_one(
    disk: Disk, maker: Maker
) -> None:
    box = disk.box
    fetch(disk, maker)
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED
    assert_holds(disk, maker, 1, NEW)
    assert disk.content(disk.slots()[0], 7) == b"flashed"
    (kernel,) = box.esp.glob(f"{NAME}_{NEW}*")
    assert kernel.name == f"{NAME}_{NEW}+3-0.efi"
    assert kernel.read_bytes() == (maker.folder / f"built/{NEW}/{NAME}_{NEW}.efi").read_bytes()
    assert starts(disk) == NEW
    box.bless()
    box.unit.go_on()
    publish(maker, NEWER)
    fetch(disk, maker)
    box.unit.go_on()
    assert_holds(disk, maker, 0, NEWER)
    assert_holds(disk, maker, 1, NEW)
    assert {entry.version for entry in box.loader.entries()} == {NEW, NEWER}
    assert starts(disk) == NEWER


def test_an_image_that_fails_gives_its_slot_to_the_next_one(disk: Disk, maker: Maker) -> None:
    box = disk.box
    fetch(disk, maker)
    box.unit.go_on()
    assert [starts(disk) for _ in range(4)] == [NEW, NEW, NEW, FLASHED]
    box.unit.go_on()
    assert box.record.state is OsState.REVERTED
    publish(maker, NEWER)
    fetch(disk, maker)
    box.unit.go_on()
    assert_holds(disk, maker, 1, NEWER)
    assert disk.content(disk.slots()[0], 7) == b"flashed"
    assert starts(disk) == NEWER


@pytest.mark.parametrize("when", [1, 3, 8, 20])
def test_a_writer_that_is_killed_leaves_the_running_slot_and_is_begun_anew(
    disk: Disk, maker: Maker, when: int
) -> None:
    box = disk.box
    fetch(disk, maker)
    killer = ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={CALLS}")
    inject = f"inject={CALLS}:signal=KILL:when={when}"
    box.sysupdate = disk.command(*killer, "-e", inject)
    with pytest.raises(UpdateError, match="os-install-failed"):
        box.unit.go_on()
    assert box.record.state is OsState.INSTALLING
    assert disk.content(disk.slots()[0], 7) == b"flashed"
    assert starts(disk) == FLASHED
    box.sysupdate = disk.command()
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED
    assert_holds(disk, maker, 1, NEW)
    assert starts(disk) == NEW
