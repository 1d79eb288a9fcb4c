"""What the last `osteon check` on this box came to, as it left it in the state folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FILE: Final = "last-check.json"
_MOST_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class LastCheck:
    """`results`: (what was looked at, its state such as `ok` or `failed`), in their order."""

    at: str
    results: tuple[tuple[str, str], ...]


def read_last_check(state_folder: Path) -> LastCheck | None:
    """The last check; None where there was none, or what lies there is not one."""
    try:
        with (state_folder / _FILE).open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
        results = tuple((str(each["name"]), str(each["state"])) for each in told["results"])
        return LastCheck(str(told["at"]), results)
    except (OSError, ValueError, KeyError, TypeError):
        return None
