"""What the update unit did and what it refused: one JSON object a line, for people and programs."""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from appliance.storage import storage_error, write_durably
from appliance.update.times import to_iso

_MOST_BYTES: Final = 1 << 20
_KEPT_LINES: Final = 1000
_FILE: Final = 0o640


class Happening(StrEnum):
    """What can happen."""

    CHECKED = "checked"
    """The metadata are up to date."""
    FAILED = "failed"
    """An attempt ended before it was done; what runs goes on."""
    OFFERED = "offered"
    """A pack lies whole in the store and may be taken up."""
    WITHDRAWN = "withdrawn"
    """An offer was taken back."""
    REFUSED = "refused"
    """A pack was not taken; the code says why."""
    SIGNED_ANEW = "signed-anew"
    """Signers' keys were taken away; what others have signed of a pack here was fetched."""
    RECALLED = "recalled"
    REMOVED = "removed"
    """A pack that nothing uses any more was taken from the store."""
    FLOOR_RESET = "floor-reset"
    """The floor record begins: with the identity of a new box, or anew by order of a person."""
    INSTALLED = "installed"
    """A system image lies in the other slot and waits for a restart."""
    CALLED_OFF = "called-off"
    """A system image that was installed is wanted no more, or could not be written."""
    TRIED = "tried"
    """The machine runs a new system image, which has still to be healthy."""
    KEPT = "kept"
    """A system image was healthy and is kept."""
    TAKEN_BACK = "taken-back"
    """A system image failed, was recalled, or somebody wants the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """at: ISO 8601, UTC, by the machine's clock. details: short texts and numbers, no PHI."""

    at: str
    what: Happening
    details: dict[str, str | int | float] = field(default_factory=dict)


class History:
    """Below one file, which never grows beyond some thousands of lines."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def add(self, now: float, what: Happening, **details: str | float) -> None:
        """Record something that has happened, durably. `now`: wall seconds.

        Raises:
            StorageError: `disk-full`, `storage-failed`.
        """
        line = json.dumps({"at": to_iso(now), "what": what, **details}).encode() + b"\n"
        try:
            if self._place.exists() and self._place.stat().st_size > _MOST_BYTES:
                write_durably(self._place, self._newest_lines(), mode=_FILE)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._place, flags, _FILE)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise storage_error(error) from error

    def newest(self, count: int) -> tuple[Entry, ...]:
        """The newest entries, oldest first; a line that a power cut tore is left out."""
        try:
            lines = self._place.read_bytes().splitlines()[-count:]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise storage_error(error) from error
        entries = (_entry(line) for line in lines)
        return tuple(entry for entry in entries if entry is not None)

    def _newest_lines(self) -> bytes:
        with self._place.open("rb") as file:
            return b"".join(deque(file, _KEPT_LINES))


def _entry(line: bytes) -> Entry | None:
    try:
        tree = json.loads(line)
        return Entry(str(tree.pop("at")), Happening(tree.pop("what")), tree)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
