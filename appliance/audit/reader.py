"""Reads the trail as it grows, each line once."""

from __future__ import annotations

from pathlib import Path

from appliance.audit.chain import START, Entry, Head, read_line
from appliance.storage import storage_error

_FILE = "trail.jsonl"


class TrailReader:
    """Follows one trail from another process; a line without its newline waits for the next look.

    A line that does not follow the one before is passed over: `osteon audit verify` names it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._offset = 0
        self.head: Head = START

    def new(self) -> tuple[Entry, ...]:
        """What was appended since the last look. Raises StorageError where it cannot be read."""
        found = []
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    try:
                        entry = read_line(line[:-1], self.head)
                    except ValueError:
                        continue
                    self.head = entry.head
                    found.append(entry)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise storage_error(error) from error
        return tuple(found)
