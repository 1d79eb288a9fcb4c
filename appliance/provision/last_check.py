"""What the last `osteon check` of each kind came to, kept in the state folder for the sheet."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from appliance.storage import write_durably

_MOST_BYTES: Final = 256 * 1024


class CheckKind(StrEnum):
    """Which check; its value is the name of its file."""

    LIVE = "last-check"
    """`osteon check`: every peer by itself."""
    END_TO_END = "last-end-to-end"
    """`osteon check --end-to-end`: a phantom all the way."""


@dataclass(frozen=True, slots=True)
class LastCheck:
    """One check that was made.

    at: seconds since 1970, UTC.
    results: (what was looked at, its state such as `ok` or `failed`), in their order.
    """

    kind: CheckKind
    at: float
    results: tuple[tuple[str, str], ...]


def keep_last_check(
    state_folder: Path, kind: CheckKind, at: float, results: Iterable[tuple[str, str]]
) -> None:
    """Put it in place of the one before. Raises StorageError `disk-full`, `storage-failed`."""
    told = {"at": at, "results": [{"name": name, "state": state} for name, state in results]}
    write_durably(_file(state_folder, kind), json.dumps(told).encode(), mode=0o640)


def read_last_checks(state_folder: Path) -> tuple[LastCheck, ...]:
    """The last check of each kind; none of a kind that was not made, or whose file is not one."""
    found = (_read(state_folder, kind) for kind in CheckKind)
    return tuple(check for check in found if check is not None)


def _file(state_folder: Path, kind: CheckKind) -> Path:
    return state_folder / f"{kind}.json"


def _read(state_folder: Path, kind: CheckKind) -> LastCheck | None:
    try:
        with _file(state_folder, kind).open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
        results = tuple((str(each["name"]), str(each["state"])) for each in told["results"])
        return LastCheck(kind, float(told["at"]), results)
    except (OSError, ValueError, KeyError, TypeError):
        return None
