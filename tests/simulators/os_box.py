"""A box that was flashed with an image: slots and boot loader as folders, real files otherwise."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.audit.events import AuditEvent
from appliance.daemon.os.unit import OsUnit, Parts
from appliance.update.check import Box
from appliance.update.floor_record import FloorRecord
from appliance.update.history import Entry, Happening, History
from appliance.update.layout import UpdateFolder
from appliance.update.os.boot_entries import BootEntry, BootLoader
from appliance.update.os.machine import RunningImage
from appliance.update.os.record import OsRecord
from appliance.update.os.record_file import read_record
from appliance.update.os.staging import OsFolder
from appliance.update.versions import version_key
from tests.simulators.update_box import FetchingBox

FLASHED = "1.0.0.1"
NAME = "osteon"
WORKING = frozenset({"data", "steady", "receiver", "osteon-receive.service", "model spots"})
_SYSUPDATE = """#!/bin/sh
# Does what the transfer files say, into folders: roots first, the kernel image last.
set -eu
version=$2
top=$(dirname "$0")
ready=$top/state/os/ready
for file in "$ready/{name}_$version"*.verity "$ready/{name}_$version"*.root; do
    cp "$file" "$top/slots/"
done
cp "$ready/{name}_$version.efi" "$top/esp/.new"
sync "$top/esp/.new"
mv "$top/esp/.new" "$top/esp/{name}_$version+3-0.efi"
"""
_BOOTCTL = """#!/bin/sh
# Keeps the default entry in a file, as the firmware would in a variable.
printf %s "$2" >"$(dirname "$0")/default"
"""


@dataclass
class OsBox(FetchingBox):
    """`running`: version of the image that runs; `boots` counts the starts."""

    running: str = FLASHED
    boots: int = 1
    is_quiet: bool = True
    may_restart: bool = True
    restarts: int = 0
    audited: list[AuditEvent] = field(default_factory=list)
    sysupdate: tuple[str, ...] = ()

    @classmethod
    def flashed(cls, folder: Path, root: bytes) -> OsBox:
        """As it is after its first start. root: the maker's, by which it verifies."""
        box = cls(folder, root)
        box.begin_floors()
        return box

    def __post_init__(self) -> None:
        super().__post_init__()
        for place in (self.esp, self.slots):
            place.mkdir(parents=True, exist_ok=True)
        if not list(self.esp.iterdir()):
            (self.esp / f"{NAME}_{FLASHED}.efi").write_bytes(b"flashed")
        self.os_floors = FloorRecord(self.os.verifying.floors, self.signer)
        self._program("sysupdate", _SYSUPDATE.replace("{name}", NAME))
        self._program("bootctl", _BOOTCTL)

    def _program(self, name: str, text: str) -> None:
        place = self.folder / name
        place.write_text(text)
        place.chmod(place.stat().st_mode | stat.S_IXUSR)

    @property
    def places(self) -> UpdateFolder:
        return UpdateFolder(self.folder / "state" / "update")

    @property
    def os(self) -> OsFolder:
        return OsFolder(self.folder / "state" / "os")

    @property
    def esp(self) -> Path:
        return self.folder / "esp"

    @property
    def slots(self) -> Path:
        return self.folder / "slots"

    @property
    def loader(self) -> BootLoader:
        return BootLoader(self.esp, NAME, str(self.folder / "bootctl"))

    @property
    def record(self) -> OsRecord:
        record = read_record(self.os.record)
        assert record is not None
        return record

    @property
    def history(self) -> tuple[Entry, ...]:
        return History(self.os.history).newest(1000)

    @property
    def happened(self) -> list[Happening]:
        return [entry.what for entry in self.history]

    def begin_floors(self) -> None:
        """Both records: that of the unit that fetches, and that of the one that installs."""
        super().begin_floors()
        self.os.verifying.root.mkdir(parents=True, exist_ok=True)
        self.os_floors.begin()

    # --- the units --------------------------------------------------------------------------------

    @property
    def box(self) -> Box:
        return replace(super().box, os_name=NAME, os_record=lambda: read_record(self.os.record))

    @property
    def unit(self) -> OsUnit:
        """The installing unit, as it is called anew each time."""
        parts = Parts(
            image=RunningImage(NAME, self.running),
            boot=f"boot-{self.boots}",
            loader=self.loader,
            sysupdate=self.sysupdate or (str(self.folder / "sysupdate"),),
            restart=self._asked_to_restart,
            mirror=self.places.mirror,
            root=self.root,
            is_quiet=lambda: self.is_quiet,
            may_restart=lambda _now: self.may_restart,
            working=lambda: WORKING,
            audit=self.audited.append,
        )
        return OsUnit(self.os, self.signer, parts, self.clock)

    def _asked_to_restart(self) -> None:
        self.restarts += 1

    # --- the machine ------------------------------------------------------------------------------

    def start(self) -> str:
        """Start the machine as systemd-boot does; the version that then runs."""
        entry = self._chosen()
        if entry.left is not None:
            tried = f"{NAME}_{entry.version}+{entry.left - 1}-{4 - entry.left}.efi"
            (self.esp / entry.file).rename(self.esp / tried)
        self.running = entry.version
        self.boots += 1
        return self.running

    def bless(self) -> None:
        """systemd-bless-boot, once boot-complete.target is reached."""
        for entry in self.loader.entries():
            if entry.version == self.running and entry.left is not None:
                (self.esp / entry.file).rename(self.esp / f"{NAME}_{entry.version}.efi")

    def _chosen(self) -> BootEntry:
        entries = self.loader.entries()
        pinned = self.folder / "default"
        wanted = pinned.read_text() if pinned.exists() else ""
        for entry in entries:
            if entry.file == wanted:
                return entry
        # The newest first, but those without a try left last of all.
        return max(entries, key=lambda entry: (entry.left != 0, version_key(entry.version)))
