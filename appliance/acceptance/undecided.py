"""A measurement that nobody has decided on yet: it outlives the visit in which it was made.

Measuring takes long, and whoever began it may have left the room: the menu then closes, and asks
for its PIN again. What was measured waits here for them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from appliance.acceptance.record import Acceptance
from appliance.storage import make_folder, storage_error, write_durably

_FILE: Final = "measured.json"
_MOST_BYTES: Final = 2**20
_KEPT: Final = TypeAdapter(Acceptance)


class UndecidedFile:
    """Keeps the latest one, in a folder that only root may read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def read(self) -> Acceptance | None:
        """None where there is none, or one that makes no sense: it can be measured again."""
        with suppress(OSError, ValidationError), self._path.open("rb") as file:
            return _KEPT.validate_json(file.read(_MOST_BYTES))
        return None

    def keep(self, measured: Acceptance) -> None:
        """Durably, in place of another one. Raises StorageError."""
        try:
            make_folder(self._path.parent)
        except OSError as error:
            raise storage_error(error) from error
        write_durably(self._path, json.dumps(asdict(measured)).encode())

    def forget(self) -> None:
        """It was decided, one way or the other. Raises StorageError."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error) from error
