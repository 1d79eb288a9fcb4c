"""The floor record tied to a counter in the TPM: an older disk put back is found at its start.

Root does this once at each start, and not the update unit at each check: whoever reaches the TPM
could clear it, and the keys with it, and that unit talks to the network. The tie says the counter's
number and how far the record was. A copy of the disk holds the number of the start before it was
taken; when it is put back, the counter has moved on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from pydantic import TypeAdapter, ValidationError

from appliance.errors import SignatureError, UpdateError
from appliance.signing import DeviceSigner, open_envelope
from appliance.storage import storage_error, write_durably
from appliance.update.floor_record import FloorRecord
from appliance.update.layout import UpdateFolder

PAYLOAD_TYPE: Final = "application/vnd.osteon.update-floor-tie+json"
_READABLE: Final = 0o644


class Counter(Protocol):
    """A number that only rises and does not lie on the disk."""

    def read(self) -> int | None:
        """The number; None where there is none."""
        ...

    def advance(self) -> int | None:
        """Raise it, made where it is missing; the new number, None where that does not work."""
        ...


class Standing(StrEnum):
    """What a start found."""

    UNTIED = "untied"
    """There is no counter, and never was for this record."""
    HOLDS = "holds"
    BROKEN = "broken"
    """The record is older than the counter, or the counter is gone: no updates for now."""


@dataclass(frozen=True, slots=True)
class _Tie:
    """counter: its number since the tie was made. serial: of the floor record at that moment."""

    counter: int
    serial: int


_TIE: Final = TypeAdapter(_Tie)


class FloorTie:
    """Below the update unit's folder, yet written by root alone."""

    def __init__(self, folder: UpdateFolder, signer: DeviceSigner, counter: Counter) -> None:
        self._place = folder.tie
        self._held = folder.held
        self._record = FloorRecord(folder.floors, signer)
        self._signer = signer
        self._counter = counter

    def begin(self) -> bool:
        """Tie a record that has just begun; whether there is a counter to tie it to.

        Raises StorageError.
        """
        number = self._counter.advance()
        if number is not None:
            self._write(number)
        else:
            self._remove(self._place)
        self._remove(self._held)
        return number is not None

    def check_at_start(self) -> Standing:
        """Whether the record is as new as the counter; then both move on. Raises StorageError.

        What is broken holds up updates, and no more than that, until a start finds it whole or a
        person begins the record anew.
        """
        number, tie = self._counter.read(), self._read()
        if number is None and tie is None:
            return Standing.UNTIED
        if number is None or tie is None or not self._fits(number, tie):
            write_durably(self._held, b"", mode=_READABLE)
            return Standing.BROKEN
        if number == tie.counter - 1:  # the last start ended before it could raise it
            number = self._counter.advance() or number
        self._write(number + 1)
        self._counter.advance()
        self._remove(self._held)
        return Standing.HOLDS

    def _fits(self, number: int, tie: _Tie) -> bool:
        return number in {tie.counter, tie.counter - 1} and self._serial() >= tie.serial

    def _serial(self) -> int:
        try:
            return self._record.serial()
        except UpdateError:
            return -1

    def _read(self) -> _Tie | None:
        try:
            content = self._place.read_bytes()
            payload = open_envelope(content, [self._signer.public_key], PAYLOAD_TYPE)
            return _TIE.validate_json(payload)
        except (FileNotFoundError, SignatureError, ValidationError):
            return None
        except OSError as error:
            raise storage_error(error) from error

    def _write(self, number: int) -> None:
        payload = _TIE.dump_json(_Tie(number, self._serial()))
        write_durably(self._place, self._signer.envelope(payload, PAYLOAD_TYPE))

    @staticmethod
    def _remove(place: Path) -> None:
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error) from error
