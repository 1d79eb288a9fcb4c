"""Files in which one process asks another, and is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

_LONGEST: Final = 4096

Content = TypeVar("Content")


def read_message(path: Path, kind: TypeAdapter[Content]) -> Content | None:
    """What lies there; None where nothing does, or nothing that makes sense."""
    try:
        with path.open("rb") as file:
            return kind.validate_json(file.read(_LONGEST))
    except (OSError, ValidationError):
        return None
