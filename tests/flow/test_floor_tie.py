"""The floor record and a counter in a real TPM (swtpm): what an older copy of the disk comes to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.errors import UpdateError
from appliance.provision.tpm_counter import TpmCounter
from appliance.signing import DeviceSigner
from appliance.update.floor import Floor
from appliance.update.floor_record import FloorRecord
from appliance.update.floor_tie import Counter, FloorTie, Standing
from appliance.update.layout import UpdateFolder
from tests.simulators.tpm import software_tpm


@dataclass
class Disk:
    """The update unit's folder, which can be copied and put back."""

    root: Path
    signer: DeviceSigner

    def __post_init__(self) -> None:
        self.folder = UpdateFolder(self.root / "update")
        self.folder.root.mkdir()
        self.record = FloorRecord(self.folder.floors, self.signer)
        self.record.begin()

    def tie(self, counter: Counter | None = None) -> FloorTie:
        return FloorTie(self.folder, self.signer, counter or TpmCounter())

    def starts(self) -> Standing:
        return self.tie().check_at_start()

    def learns(self, root: int) -> None:
        """A check raises the floor."""
        self.record.write(Floor(root=root))

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.folder.root, self.root / name))

    def put_back(self, copy: Path) -> None:
        shutil.rmtree(self.folder.root)
        shutil.copytree(copy, self.folder.root)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path, DeviceSigner(ec.generate_private_key(ec.SECP256R1())))


@pytest.fixture
def tpm(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with software_tpm() as name:
        monkeypatch.setenv("TPM2TOOLS_TCTI", name)
        yield name


class PowerCutError(Exception):
    """Nothing after it is done."""


class CutCounter(TpmCounter):
    """The power fails before it is raised."""

    def advance(self) -> int | None:
        raise PowerCutError


def test_an_older_disk_that_is_put_back_holds_up_updates(disk: Disk, tpm: str) -> None:
    assert tpm
    assert disk.tie().begin()
    disk.learns(1)
    assert disk.starts() is Standing.HOLDS
    older = disk.copy("older")
    disk.learns(2)
    assert disk.starts() is Standing.HOLDS
    newest = disk.copy("newest")

    disk.put_back(older)
    assert disk.record.read() == Floor(root=1), "it is sealed and whole: nothing else tells"
    for _ in range(2):
        assert disk.starts() is Standing.BROKEN
        with pytest.raises(UpdateError, match="update-floor-untied"):
            disk.record.read()

    disk.put_back(newest)
    assert disk.starts() is Standing.HOLDS
    assert disk.record.read() == Floor(root=2)


def test_a_person_begins_it_anew(disk: Disk, tpm: str) -> None:
    assert tpm
    disk.tie().begin()
    disk.folder.tie.unlink()
    assert disk.starts() is Standing.BROKEN
    disk.record.begin()
    assert disk.tie().begin()
    assert disk.record.read() == Floor()
    assert disk.starts() is Standing.HOLDS


def test_an_older_record_alone_is_found_too(disk: Disk, tpm: str) -> None:
    assert tpm
    disk.tie().begin()
    older = [place.read_bytes() for place in disk.folder.floors]
    disk.learns(1)
    assert disk.starts() is Standing.HOLDS
    for place, content in zip(disk.folder.floors, older, strict=True):
        place.write_bytes(content)
    assert disk.starts() is Standing.BROKEN


def test_a_power_cut_between_disk_and_tpm_breaks_nothing(disk: Disk, tpm: str) -> None:
    assert tpm
    disk.tie().begin()
    with pytest.raises(PowerCutError):
        disk.tie(CutCounter()).check_at_start()
    assert disk.starts() is Standing.HOLDS
    assert disk.starts() is Standing.HOLDS


def test_a_tpm_that_is_gone_holds_up_updates_until_it_is_back(
    disk: Disk, tpm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.tie().begin()
    monkeypatch.setenv("TPM2TOOLS_TCTI", "swtpm:path=/nowhere")
    assert disk.starts() is Standing.BROKEN
    monkeypatch.setenv("TPM2TOOLS_TCTI", tpm)
    assert disk.starts() is Standing.HOLDS
    assert disk.record.read() == Floor()


def test_without_a_tpm_the_record_stands_alone(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPM2TOOLS_TCTI", "swtpm:path=/nowhere")
    assert not disk.tie().begin()
    assert disk.starts() is Standing.UNTIED
    assert disk.record.read() == Floor()
