"""When each role was last started: how a crash loop shows, whoever starts the roles again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.clock import Clock
from appliance.errors import StorageError
from appliance.storage import write_durably

_FILE: Final = "starts.json"
_MOST: Final = 20
_READ_BY_GROUP: Final = 0o640
"""The deliverer runs as another user, and is the one who tells."""


def note_start(folder: Path, clock: Clock) -> None:
    """The role whose folder this is begins now. A disk that is full keeps it from nothing."""
    starts = (*last_starts(folder), clock.now())[-_MOST:]
    try:
        write_durably(folder / _FILE, json.dumps(starts).encode(), mode=_READ_BY_GROUP)
    except StorageError as error:
        journal.warn("start-not-noted", code=error.code)


def last_starts(folder: Path) -> tuple[float, ...]:
    """Wall seconds of the role's latest starts, the oldest first; none where it never ran."""
    try:
        content = json.loads((folder / _FILE).read_bytes())
    except (OSError, ValueError):
        return ()
    if not isinstance(content, list):
        return ()
    return tuple(float(each) for each in content if isinstance(each, (int, float)))
