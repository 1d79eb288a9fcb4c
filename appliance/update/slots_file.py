"""`slots.json`: the slots of all pack names in one durable file. The analyser alone writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from appliance.errors import StorageError
from appliance.storage import storage_error, write_durably
from appliance.update.slots import Slot

SLOTS: Final = "slots.json"
"""Its name in the analyser's folder."""
_FOR_THE_GROUP: Final = 0o640


@dataclass(frozen=True, slots=True)
class _Content:
    format: Literal[1]
    packs: Mapping[str, Slot]


_CONTENT: Final = TypeAdapter(_Content)


def read_slots(path: Path) -> Mapping[str, Slot]:
    """The slot of each pack name; none where the analyser has not run yet.

    Raises:
        StorageError: `update-slots-broken` (also for slots that contradict themselves);
            `storage-failed`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise storage_error(error) from error
    try:
        return _CONTENT.validate_json(content).packs
    except ValidationError as error:
        places = (".".join(map(str, fault["loc"])) or "(top)" for fault in error.errors())
        raise StorageError("update-slots-broken", ", ".join(list(places)[:3])) from None


def write_slots(path: Path, slots: Mapping[str, Slot]) -> None:
    """Replace all slots as a whole. Raises StorageError: `disk-full`, `storage-failed`."""
    content = _CONTENT.dump_json(_Content(1, dict(slots)), indent=1)
    write_durably(path, content + b"\n", mode=_FOR_THE_GROUP)
