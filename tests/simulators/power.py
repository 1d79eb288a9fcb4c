"""A disk that can lose its power: ext4 in a file, copied in an instant and mounted elsewhere.

What the copy holds is what had reached the medium; everything that was only in the kernel's page
cache of the file system is gone, as after a power cut.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def require(*programs: str) -> None:
    """Fail with the names of the Debian packages where a program is missing."""
    packages = {"mkfs.ext4": "e2fsprogs", "mount": "mount"}
    missing = [packages[name] for name in programs if shutil.which(name) is None]
    if missing:
        pytest.fail(f"install the Debian packages: {', '.join(missing)}")


@dataclass
class Disk:
    """`root` is where it is mounted."""

    medium: Path
    root: Path

    def cut(self, after: Path) -> Path:
        """The medium as it is at this instant, as a file of its own."""
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.medium, after], check=True)
        return after


@contextmanager
def disk(folder: Path, mib: int = 64) -> Iterator[Disk]:
    """A fresh ext4 disk, mounted below `folder`."""
    require("mkfs.ext4", "mount")
    medium = folder / "medium"
    with medium.open("wb") as file:
        file.truncate(mib << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", medium], check=True)
    with mounted(medium, folder / "disk") as root:
        yield Disk(medium, root)


@contextmanager
def mounted(medium: Path, place: Path) -> Iterator[Path]:
    """Mount a medium; its journal is replayed as at the next start of the machine."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", medium, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
