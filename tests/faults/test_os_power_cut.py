"""Power that fails as soon as a system counts as installed: the boot loader still finds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.update.os.boot_entries import BootLoader
from appliance.update.os.states import OsState
from appliance.update.source import FolderSource
from tests.simulators.os_box import FLASHED, NAME, OsBox
from tests.simulators.power import disk, mounted
from tests.simulators.update_repository import RepositoryMaker, make_image

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")
NEW = "1.1.0.1"


def test_an_installed_system_has_its_entry_after_a_power_cut(tmp_path: Path) -> None:
    maker = RepositoryMaker(tmp_path / "repository")
    image = maker.release_image(make_image(NEW))
    with disk(tmp_path) as power:
        (tmp_path / "box").mkdir()
        (tmp_path / "box/esp").symlink_to(power.root)
        (power.root / f"{NAME}_{FLASHED}.efi").write_bytes(b"flashed")
        box = OsBox.flashed(tmp_path / "box", maker.first_root)
        box.may_restart = False
        assert box.apply(FolderSource(maker.folder)) == ()
        os.sync()
        box.unit.go_on()
        assert box.record.state is OsState.INSTALLED
        left = power.cut(tmp_path / "left")
    with mounted(left, tmp_path / "after") as esp:
        entries = {entry.version: entry for entry in BootLoader(esp, NAME).entries()}
        assert set(entries) == {FLASHED, NEW}
        content = (esp / entries[NEW].file).read_bytes()
    assert content == image.named()[f"{NAME}_{NEW}.efi"]
