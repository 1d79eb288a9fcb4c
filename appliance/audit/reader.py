"""Reads the trail as it grows, each line once."""

from __future__ import annotations

from pathlib import Path

from appliance.audit.chain import START, Entry, Head, behind, read_line
from appliance.audit.trail import FILE
from appliance.errors import StorageError
from appliance.storage import storage_error


class TrailReader:
    """Follows one trail from another process; a line without its newline waits for the next look.

    A line that does not hold is passed over, and `is_broken` says so from then on.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._offset = 0
        self.head: Head = START
        self.is_broken = False

    def new(self) -> tuple[Entry, ...]:
        """What was appended since the last look.

        Raises:
            StorageError: `audit-missing`, no trail has been begun; or why it cannot be read.
        """
        found = []
        try:
            with self._path.open("rb") as file:
                self.is_broken |= self._path.stat().st_size < self._offset
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    try:
                        entry = read_line(line[:-1], self.head)
                    except ValueError:
                        self.is_broken = True
                        self.head = behind(line[:-1], self.head)
                        continue
                    self.head = entry.head
                    found.append(entry)
        except FileNotFoundError:
            raise StorageError("audit-missing", "no trail has been begun") from None
        except OSError as error:
            raise storage_error(error) from error
        return tuple(found)
