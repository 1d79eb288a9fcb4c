"""The intent and how far it has come, outside of what is wiped: the file whose fsync is the end.

`intent.json` is there from the point of no return until the wipe has ended; systemd starts
`osteon-wipe.service` at each boot because of it. `progress` gets one line for each phase. Both, and
the certificate, lie in one folder that stays on the machine. `done.json` takes the intent's place
at the end, and says what came of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from appliance.errors import StorageError, WipeError
from appliance.ledger.codec import decode, encode
from appliance.storage import fsync_folder, make_folder, storage_error, write_durably
from appliance.wipe.plan import Reach, WipePlan

FOLDER: Final = Path("/var/lib/osteon-wipe")
DONE: Final = "done.json"
_RESERVE_BYTES: Final = 1 << 20


class Phase(StrEnum):
    """What a wipe does, in this order; see `appliance.wipe.phases`."""

    STATEMENT = "statement"
    STOP = "stop"
    KEYS = "keys"
    MARKS = "marks"
    MEDIA = "media"
    FILES = "files"
    VERIFICATION = "verification"
    CERTIFICATE = "certificate"
    IDENTITY = "identity"


class Result(StrEnum):
    """What came of one thing that was done or looked at."""

    DONE = "done"
    FAILED = "failed"
    NOT_POSSIBLE = "not-possible"
    """Neither done nor verified here, and the certificate says so."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was done or looked at. `method` and `reach`: of a medium's erase."""

    what: str
    result: Result
    detail: str = ""
    method: str = ""
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What a place of a medium held before it was erased: SHA-256 of one sector."""

    device: str
    offset: int
    digest: str
    is_planted: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One phase that has ended. at: seconds since 1970; took: seconds."""

    phase: Phase
    at: float
    took: float
    evidence: tuple[Evidence, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """Who wiped, by what right, and what happens to the machine."""

    kind: str
    """`console`: the serial number was typed; `order`: a signed order."""
    operator: str
    title: str = ""
    organisation: str = ""
    media_destination: str = ""
    overridden_by: str = ""
    """Who took it on themselves that alerts were undelivered."""
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """What was decided, before anything was destroyed."""

    wipe_id: str
    started_at: float
    authority: Authority
    plan: WipePlan


class Journal:
    """One folder; `locked` keeps a second wipe out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unwritten: list[Record] = []

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises WipeError: `wipe-under-way`."""
        make_folder(self.folder)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise WipeError("wipe-under-way") from None
        finally:
            os.close(descriptor)

    def begin(self, intent: Intent) -> None:
        """The point of no return: when this comes back, the wipe will be done.

        Raises:
            StorageError: `disk-full`, `storage-failed`; then nothing has happened.
        """
        try:
            with (self.folder / "reserve").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _RESERVE_BYTES)
        except OSError as error:
            self.release()
            raise storage_error(error) from error
        (self.folder / "progress").unlink(missing_ok=True)
        write_durably(self._intent, encode(intent))

    def intent(self) -> Intent | None:
        """What was decided; None when no wipe is under way."""
        try:
            return decode(self._intent.read_bytes(), (Intent,))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error) from error

    @property
    def has_ended(self) -> bool:
        """Whether this machine was wiped, and nothing but the certificate is left."""
        return (self.folder / DONE).exists()

    def records(self) -> tuple[Record, ...]:
        """The phases that have ended, in order; a line that a power cut tore is none."""
        try:
            lines = (self.folder / "progress").read_bytes().split(b"\n\n")
        except FileNotFoundError:
            lines = []
        found: list[Record] = []
        for line in lines:
            with suppress(StorageError):
                found.append(decode(line, (Record,)))
        return (*found, *self._unwritten)

    def record(self, record: Record) -> bool:
        """A phase has ended. A disk that cannot keep that does not stop the wipe: then False."""
        for _ in range(2):
            try:
                with (self.folder / "progress").open("ab") as file:
                    # What a power cut tore before it must not swallow this one.
                    file.write(b"\n\n" + encode(record) + b"\n\n")
                    file.flush()
                    os.fsync(file.fileno())
                fsync_folder(self.folder)
            except OSError:
                self.release()
            else:
                return True
        self._unwritten.append(record)
        return False

    def digest(self) -> str:
        """SHA-256 of the record of this wipe until now."""
        with suppress(OSError):
            return hashlib.sha256((self.folder / "progress").read_bytes()).hexdigest()
        return ""

    def keep(self, name: str, content: bytes) -> None:
        """A document beside the journal. Raises StorageError."""
        self.release()
        write_durably(self.folder / name, content, mode=0o644)

    def note(self, line: bytes) -> None:
        """Put something on record beside the journal, once nobody keeps an audit trail any more.

        Raises:
            StorageError: `disk-full`, `storage-failed`.
        """
        try:
            with (self.folder / "afterwards").open("ab") as file:
                file.write(line + b"\n")
                file.flush()
                os.fsync(file.fileno())
            fsync_folder(self.folder)
        except OSError as error:
            raise storage_error(error) from error

    def use_once(self, nonce: str) -> None:
        """An order is good for one attempt.

        Raises:
            WipeError: `wipe-order-replayed`.
            StorageError: it could not be noted.
        """
        place = self.folder / "orders"
        used = place.read_text(encoding="utf-8").split() if place.exists() else []
        if nonce in used:
            raise WipeError("wipe-order-replayed")
        write_durably(place, "\n".join([*used, nonce, ""]).encode())

    def release(self) -> None:
        """Give back the room that was kept free for the end."""
        with suppress(OSError):
            (self.folder / "reserve").unlink(missing_ok=True)

    def finish(self, said: bytes) -> None:
        """Nothing is left to do: no boot goes on with it any more.

        said: what came of it; where the disk takes no more, the intent alone stands for it.
        """
        self.release()
        try:
            with suppress(StorageError):
                write_durably(self.folder / DONE, said)
            if (self.folder / DONE).exists():
                self._intent.unlink()
            else:
                self._intent.replace(self.folder / DONE)
            fsync_folder(self.folder)
        except OSError as error:
            raise storage_error(error) from error

    @property
    def _intent(self) -> Path:
        return self.folder / "intent.json"
