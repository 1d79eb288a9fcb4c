"""Wrong PINs: how many there were, and how long none is taken. It outlives restarts.

Each wrong PIN makes the next one wait longer. What is counted is counted before the PIN is looked
at, so that a plug that is pulled saves no attempt; and after a restart the wait begins anew, since
only the time since the machine started is known for sure: anybody at the box may set its clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from appliance.storage import locked, make_folder, storage_error, write_durably

WAITS_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0)
"""After the first wrong PIN, the second one, and so on; the last one holds from then on."""
LOCKS_FROM: Final = 5
"""So many wrong PINs in a row are no slips any more: the technician is told."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_FILE: Final = "attempts.json"


@dataclass(frozen=True, slots=True)
class Attempts:
    """failures: in a row. boot: which start of the machine; at: monotonic second in it."""

    failures: int = 0
    boot: str = ""
    at: float = 0.0

    @property
    def is_locked(self) -> bool:
        """Whether somebody seems to be guessing."""
        return self.failures >= LOCKS_FROM


_ATTEMPTS: Final = TypeAdapter(Attempts)


def wait_left(attempts: Attempts, boot: str, now: float) -> float:
    """Seconds until a PIN is taken. now: monotonic seconds since the machine started."""
    if attempts.failures == 0:
        return 0.0
    wait = WAITS_S[min(attempts.failures, len(WAITS_S)) - 1]
    since = now - attempts.at if attempts.boot == boot else now
    return max(0.0, wait - since)


def failed(attempts: Attempts, boot: str, now: float) -> Attempts:
    """One more."""
    return Attempts(attempts.failures + 1, boot, now)


def this_boot() -> str:
    """Which start of the machine this is."""
    return _BOOT.read_text(encoding="ascii").strip()


class AttemptsFile:
    """Keeps them in a folder of its own, which only root may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else counts meanwhile. Raises StorageError."""
        try:
            make_folder(self._folder)
        except OSError as error:
            raise storage_error(error) from error
        with locked(self._folder):
            yield

    def read(self) -> Attempts:
        """What is kept; of a file that makes no sense the longest wait. Raises StorageError."""
        try:
            return _ATTEMPTS.validate_json((self._folder / _FILE).read_bytes())
        except FileNotFoundError:
            return Attempts()
        except ValidationError:
            return Attempts(failures=len(WAITS_S))
        except OSError as error:
            raise storage_error(error) from error

    def keep(self, attempts: Attempts) -> None:
        """Durably. Raises StorageError."""
        write_durably(self._folder / _FILE, _ATTEMPTS.dump_json(attempts))
