"""The trail on the disk: one file that only grows, each line durable before anybody is answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from securesystemslib.signer import Key

from appliance.audit.chain import START, Head, Signs, Verdict, behind, line_of, read_line, seal_of
from appliance.audit.chain import verify as verify_lines
from appliance.audit.events import AuditEvent, AuditKind
from appliance.clock import Clock
from appliance.errors import StorageError
from appliance.storage import fsync_folder, storage_error

FILE: Final = "trail.jsonl"
_SEAL_EVERY: Final = 200
SEAL_SECONDS: Final = 900.0
"""How long a line may stand unsigned."""


class AuditTrail:
    """Appends to the trail. One process has it open, under a lock of its own threads.

    Raises StorageError from every method that writes: what could not be recorded must not happen.
    """

    def __init__(self, folder: Path, actor: str, signer: Signs | None, clock: Clock) -> None:
        """`actor`: the unit that writes. signer: None where the device has no identity yet."""
        self._actor = actor
        self._signer = signer
        self._clock = clock
        self._guard = threading.Lock()
        self._head, torn = START, 0
        try:
            path = folder / FILE
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            fsync_folder(folder)
            self._head, self._unsealed, whole = _ending(path)
            torn = os.fstat(self._file).st_size - whole
            if torn:
                os.ftruncate(self._file, whole)
                os.fsync(self._file)
        except OSError as error:
            raise storage_error(error) from error
        self._sealed_at = clock.monotonic()
        if torn:
            # A power cut in the middle of a line that nobody was answered for.
            self.record(AuditEvent(AuditKind.TAIL_LOST, actor, detail=f"{torn} bytes"))

    @property
    def head(self) -> Head:
        """The chain's end."""
        return self._head

    def record(self, event: AuditEvent) -> Head:
        """Append one event; when this returns it would survive a power cut."""
        with self._guard:
            self._append(*line_of(self._head, event, self._clock.now()))
            self._unsealed += 1
            if self._unsealed >= _SEAL_EVERY:
                self._seal()
            return self._head

    def seal_if_due(self) -> None:
        """Sign what has stood unsigned for long."""
        with self._guard:
            if self._unsealed and self._clock.monotonic() - self._sealed_at >= SEAL_SECONDS:
                self._seal()

    def close(self) -> None:
        """Sign the rest and let go."""
        with self._guard:
            try:
                if self._unsealed:
                    self._seal()
            finally:
                os.close(self._file)

    def _seal(self) -> None:
        if self._signer is None:
            return
        self._append(*seal_of(self._head, self._actor, self._clock.now(), self._signer))
        self._unsealed = 0
        self._sealed_at = self._clock.monotonic()

    def _append(self, line: bytes, head: Head) -> None:
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line + b"\n")
            os.fdatasync(self._file)
        except OSError as error:
            os.ftruncate(self._file, before)
            raise storage_error(error) from error
        if written <= len(line):  # as much as there was room for
            os.ftruncate(self._file, before)
            raise StorageError("disk-full")
        self._head = head


def verify(folder: Path, keys: tuple[Key, ...], witness: Head | None = None) -> Verdict:
    """Check the trail in a folder; see `chain.verify`. Raises StorageError: `audit-missing`."""
    return verify_lines(_lines(folder), keys, witness)


def _lines(folder: Path) -> Iterator[bytes]:
    """Line by line; a last one without its newline is not (yet) one."""
    try:
        with (folder / FILE).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except FileNotFoundError:
        raise StorageError("audit-missing", "no trail has been begun") from None
    except OSError as error:
        raise storage_error(error) from error


def _ending(path: Path) -> tuple[Head, int, int]:
    """(the chain's end, lines after the last seal, bytes of whole lines).

    A chain that is broken goes on from its last line: `osteon audit verify` says where it is
    broken, and a box that recorded nothing any more would be worse.
    """
    head, unsealed, whole = START, 0, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            unsealed += 1
            try:
                entry = read_line(line[:-1], head)
            except ValueError:
                head = behind(line[:-1], head)
                continue
            head = entry.head
            if entry.kind == AuditKind.SEALED.value:
                unsealed = 0
    return head, unsealed, whole
