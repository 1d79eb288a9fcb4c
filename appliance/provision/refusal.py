"""Why the site YAML of a stick was not taken, for the screen: until one is taken.

It lies in memory: after a start the stick that is still there is looked at anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from appliance import journal
from appliance.errors import ConfigError, OsteonError, StorageError
from appliance.storage import make_folder, storage_error, write_durably

REFUSED: Final = Path("/run/osteon-stick/refused.json")
_FOR_EVERYBODY: Final = 0o644
_FOLDER: Final = 0o755
_MOST_BYTES: Final = 16 * 1024
_MOST_LETTERS: Final = 160


@dataclass(frozen=True, slots=True)
class Refusal:
    """at: wall seconds since 1970, UTC. detail: what was found, in a line; mostly empty."""

    at: float
    code: str
    detail: str


_REFUSALS: Final = TypeAdapter(Refusal)


def keep_refusal(place: Path, error: ConfigError | StorageError, now: float) -> None:
    """Write down why. What cannot be written is in the journal: the refusal itself comes first."""
    try:
        make_folder(place.parent)
        place.parent.chmod(_FOLDER)  # whatever the umask
        content = _REFUSALS.dump_json(Refusal(now, error.code, _in_a_line(error)))
        write_durably(place, content, mode=_FOR_EVERYBODY)
    except (StorageError, OSError) as failure:
        journal.warn("refusal-unkept", reason=type(failure).__name__)


def forget_refusal(place: Path) -> None:
    """One was taken."""
    try:
        place.unlink(missing_ok=True)
    except OSError as failure:
        journal.warn("refusal-unkept", reason=type(failure).__name__)


def read_refusal(place: Path) -> Refusal | None:
    """What stands; None where nothing was refused since the start, or one was taken after it.

    Raises:
        StorageError: `storage-failed`; it cannot be read, or says nothing that makes sense.
    """
    try:
        with place.open("rb") as file:
            return _REFUSALS.validate_json(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error) from error
    except ValidationError:
        raise StorageError("storage-failed", place.name) from None


def _in_a_line(error: OsteonError) -> str:
    """The first fault stands for all: the stick and the menu have the others."""
    faults = getattr(error, "faults", ())
    if not faults:
        return error.detail.partition("\n")[0][:_MOST_LETTERS]
    first = faults[0]
    more = f" (the first of {len(faults)})" if len(faults) > 1 else ""
    return f"line {first.line}: {first.key}: {first.problem}"[:_MOST_LETTERS] + more
