"""Which build this is: the revision that it was made from, and a hash over what is installed."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path
from typing import Final

_FILE: Final = "revision.txt"
_REVISION: Final = re.compile(r"[0-9a-f]{40}")


def revision() -> str:
    """The git revision, written when a release was packed; empty in a plain checkout."""
    text = resources.files("appliance").joinpath(_FILE).read_text(encoding="ascii").strip()
    return text if _REVISION.fullmatch(text) else ""


def content_hash() -> str:
    """SHA-256 over the program's own files as they lie here, names included (hex).

    The same on every box with the same program, whoever installed it and from what.
    """
    root = Path(str(resources.files("appliance")))
    whole = hashlib.sha256()
    for file in sorted(root.rglob("*")):
        if file.is_file() and file.name != _FILE and "__pycache__" not in file.parts:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            whole.update(f"{content}  {file.relative_to(root).as_posix()}\n".encode())
    return whole.hexdigest()
