"""Debian 13's systemd-sysupdate before a disk with two slots: a file with a GPT, and no device.

The transfer files are those that an image ships, but for the places of the disk, the boot loader's
partition and the folder with what is ready.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulators.box import ROOT
from tests.simulators.debian import root_archive
from tests.simulators.os_box import FLASHED, NAME, OsBox

TRANSFERS = ROOT / "provisioning/systemd/sysupdate.d"
ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
VERITY_TYPE = "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5"
_INSIDE = """
mount --bind "$1" "$2/mnt"
mount --bind "$1/os-release" "$2/usr/lib/os-release"
mount -t proc proc "$2/proc"
root=$2
shift 2
exec chroot "$root" "$@"
"""
_SYSUPDATE = ("/usr/lib/systemd/systemd-sysupdate", "--verify=no", "--definitions=/mnt/transfers")


def unpacked(folder: Path) -> Path:
    """A Debian 13 with systemd-sysupdate and sfdisk."""
    archive = root_archive("trixie", "fdisk", "systemd-container")
    folder.mkdir()
    subprocess.run(["tar", "-C", folder, "-xf", archive], check=True)
    return folder


@dataclass(frozen=True)
class Disk:
    """The disk of a box, and how a program of that Debian is run before it."""

    box: OsBox
    debian: Path

    def make(self) -> None:
        """Two slots, the first of them with the image that was flashed."""
        self.running(FLASHED)
        table = "label: gpt\n" + "".join(
            f'size={size}MiB, type={kind}, name="{label}"\n'
            for label in (f"{NAME}_{FLASHED}", "_empty")
            for kind, size in ((ROOT_TYPE, 4), (VERITY_TYPE, 2))
        )
        place = self.box.folder / "disk"
        with place.open("wb") as file:
            file.truncate(20 << 20)
        (self.box.folder / "table").write_text(table)
        self.run("/bin/sh", "-c", "sfdisk --quiet /mnt/disk </mnt/table")
        with place.open("r+b") as file:
            file.seek(self.slots()[0]["start"] * 512)
            file.write(b"flashed")
        transfers = self.box.folder / "transfers"
        transfers.mkdir()
        for each in TRANSFERS.iterdir():
            text = each.read_text()
            text = text.replace("/var/lib/osteon/os/ready", "/mnt/state/os/ready")
            text = text.replace("Path=auto", "Path=/mnt/disk")
            text = text.replace("Path=/EFI/Linux\nPathRelativeTo=boot", "Path=/mnt/esp")
            (transfers / each.name).write_text(text)

    def running(self, version: str) -> None:
        """What os-release says of the image that runs."""
        text = f"ID=debian\nIMAGE_ID={NAME}\nIMAGE_VERSION={version}\n"
        (self.box.folder / "os-release").write_text(text)

    def command(self, *before: str) -> tuple[str, ...]:
        """systemd-sysupdate before this disk; `before`: a program that runs it."""
        return (*before, *self._entered(), *_SYSUPDATE)

    def _entered(self) -> tuple[str, ...]:
        places = (str(self.box.folder), str(self.debian))
        return ("unshare", "--mount", "sh", "-euc", _INSIDE, "sh", *places)

    def run(self, *words: str) -> str:
        """A program of that Debian; what it prints."""
        done = subprocess.run(
            [*self._entered(), *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def slots(self) -> list[dict[str, Any]]:
        """The partitions in their order, as sfdisk tells them."""
        told = json.loads(self.run("/usr/sbin/sfdisk", "--json", "/mnt/disk"))
        return list(told["partitiontable"]["partitions"])

    def content(self, slot: dict[str, Any], length: int) -> bytes:
        """The first bytes of a partition."""
        with (self.box.folder / "disk").open("rb") as file:
            file.seek(slot["start"] * 512)
            return file.read(length)
