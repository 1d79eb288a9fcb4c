"""The boot loader's entries: kernel images whose names count their tries.

As systemd's Automatic Boot Assessment has it: `osteon_1.2.0.1+2-1.efi` has two tries left and one
done, `osteon_1.2.0.1.efi` was found good and is kept.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import UpdateError
from appliance.storage import fsync_file, fsync_folder, storage_error
from appliance.update.layout import is_version

_ENTRY: Final = re.compile(r"([a-z0-9-]+)_([0-9.]+)(?:\+(\d+)(?:-\d+)?)?\.efi")
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class BootEntry:
    """One kernel image. left: tries it still has; None: its boot was blessed, none are counted."""

    version: str
    left: int | None
    file: str


def parse_entries(name: str, files: Iterable[str]) -> tuple[BootEntry, ...]:
    """Those of that system image, among the names of files in `EFI/Linux`."""

    def entry(file: str) -> BootEntry | None:
        found = _ENTRY.fullmatch(file)
        if found is None or found[1] != name or not is_version(found[2]):
            return None
        return BootEntry(found[2], None if found[3] is None else int(found[3]), file)

    entries = map(entry, sorted(files))
    return tuple(each for each in entries if each is not None)


class BootLoader:
    """systemd-boot on the partition that the firmware reads.

    folder: `EFI/Linux` there. name: of the box's system image. bootctl: the program.
    """

    def __init__(self, folder: Path, name: str, bootctl: str = "bootctl") -> None:
        self.folder = folder
        self._name = name
        self._bootctl = bootctl

    def entries(self) -> tuple[BootEntry, ...]:
        """Raises StorageError: `storage-failed`."""
        try:
            return parse_entries(self._name, [place.name for place in self.folder.iterdir()])
        except OSError as error:
            raise storage_error(error) from error

    def forget(self, version: str) -> None:
        """Take an image's entry away, durably; it is then never started again.

        Raises:
            StorageError: `storage-failed`.
        """
        try:
            for entry in self.entries():
                if entry.version == version:
                    (self.folder / entry.file).unlink(missing_ok=True)
            fsync_folder(self.folder)
        except OSError as error:
            raise storage_error(error) from error

    def keep(self, version: str) -> None:
        """From here on the image's entry outlives a power cut.

        FAT has no journal, and keeps a file's size and first block beside its name: after a rename
        that nobody has flushed, the new name is missing, or there with a size of 0.

        Raises:
            UpdateError: `os-boot-entry-missing`.
            StorageError: `storage-failed`.
        """
        file = self.folder / self._file(version)
        try:
            fsync_file(file)
            fsync_folder(self.folder)
        except OSError as error:
            raise storage_error(error) from error

    def select(self, version: str) -> None:
        """Start that image from now on, whatever newer ones there are.

        Raises:
            UpdateError: `os-boot-entry-missing`, `os-boot-loader-failed`.
        """
        self._run("set-default", self._file(version))

    def unselect(self) -> None:
        """Start the newest image that has not failed. Raises as `select`."""
        self._run("set-default", "")

    def _file(self, version: str) -> str:
        files = [entry.file for entry in self.entries() if entry.version == version]
        if not files:
            raise UpdateError("os-boot-entry-missing", version)
        return files[0]

    def _run(self, *words: str) -> None:
        try:
            subprocess.run(
                [self._bootctl, *words], check=True, capture_output=True, timeout=_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise UpdateError("os-boot-loader-failed", type(error).__name__) from None
