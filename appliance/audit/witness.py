"""The deliverer's own note of how far the trail had come: a trail that was cut shows by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from appliance.audit.chain import START, Head
from appliance.storage import write_durably

_FILE: Final = "audit-witness.json"


def read_witness(folder: Path, of: str = "") -> Head:
    """The end that was last noted; START where nothing was. of: whose, if not the witness's."""
    try:
        content = json.loads((folder / f"{of}{_FILE}").read_bytes())
        return Head(int(content["count"]), str(content["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return START


def note_witness(folder: Path, head: Head, of: str = "") -> None:
    """Note this end durably. Raises StorageError."""
    content = {"count": head.count, "digest": head.digest}
    write_durably(folder / f"{of}{_FILE}", json.dumps(content).encode(), mode=0o640)
