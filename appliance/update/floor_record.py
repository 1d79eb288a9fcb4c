"""The floor on the disk: sealed with the device's key, and written twice.

The device's key and not the master key: the update unit talks to the network, and what opens
patient data must not lie there. Whoever can write this folder, yet has no device key, can take the
record away, but cannot make a lower one; one that is gone stops updates until a person acts. An
older copy of both files, put back with the whole disk, is what `floor_tie` is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from appliance.errors import SignatureError, UpdateError
from appliance.signing import DeviceSigner, open_envelope
from appliance.storage import storage_error, write_durably
from appliance.update.floor import Floor
from appliance.update.layout import UpdateFolder

PAYLOAD_TYPE: Final = "application/vnd.osteon.update-floor+json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class _Record:
    """serial: rises with each writing, so that the newer of the two copies is known."""

    format: int
    serial: int
    floor: Floor


_RECORD: Final = TypeAdapter(_Record)


class FloorRecord:
    """Reads and replaces the floor. `places`: the two copies."""

    def __init__(self, places: tuple[Path, Path], signer: DeviceSigner) -> None:
        self._places = places
        self._held = UpdateFolder(places[0].parent).held
        self._signer = signer

    def read(self) -> Floor:
        """The newer of the two copies that this device has sealed.

        Raises:
            UpdateError: `update-floor-missing`, neither copy is there and whole;
                `update-floor-untied`, the TPM's counter does not bear it out.
            StorageError: `storage-failed`.
        """
        if self._held.exists():
            raise UpdateError("update-floor-untied")
        return self._newest().floor

    def serial(self) -> int:
        """How often it was written. Raises as `read`, but for `update-floor-untied`."""
        return self._newest().serial

    def write(self, floor: Floor) -> None:
        """Replace both copies, one after the other. Raises StorageError; UpdateError as `read`."""
        newest = self._newest()
        if newest.floor != floor or not self._are_both_whole():
            self._seal(_Record(_FORMAT, newest.serial + 1, floor))

    def begin(self) -> Floor:
        """A floor at zero in place of whatever was there: only by order of a person.

        What is committed here raises it again at the next check.
        """
        self._seal(_Record(_FORMAT, 1, Floor()))
        return Floor()

    def _newest(self) -> _Record:
        found = [record for record in map(self._opened, self._places) if record is not None]
        if not found:
            raise UpdateError("update-floor-missing")
        return max(found, key=lambda record: record.serial)

    def _are_both_whole(self) -> bool:
        return self._opened(self._places[0]) == self._opened(self._places[1])

    def _opened(self, place: Path) -> _Record | None:
        try:
            content = place.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error) from error
        try:
            payload = open_envelope(content, [self._signer.public_key], PAYLOAD_TYPE)
            record = _RECORD.validate_json(payload)
        except (SignatureError, ValidationError):
            return None
        return record if record.format == _FORMAT else None

    def _seal(self, record: _Record) -> None:
        content = self._signer.envelope(_RECORD.dump_json(record), PAYLOAD_TYPE)
        for place in self._places:
            write_durably(place, content)
