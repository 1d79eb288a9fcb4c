"""What this site accepted and refused, when, by whom, on what: one durable file, newest last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from appliance.acceptance.criteria import Breach, Criteria
from appliance.domain import ModelIdentity
from appliance.errors import StorageError
from appliance.storage import write_durably

FILE: Final = "acceptances.json"
_MOST_KEPT: Final = 200
_MOST_BYTES: Final = 4 * 2**20

Interval = tuple[float | None, float | None, float | None]
"""A figure and the ends of its interval; None where it cannot be told."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One measurement and what was decided on it.

    set_digest: of the labelled set, see `appliance.labelled.digest_of`. report, alert: the
    operating point that was measured. at: seconds since 1970, UTC. by: who decided.
    """

    model: ModelIdentity
    set_format: str
    set_digest: str
    fractured: int
    intact: int
    unread: int
    report: float
    alert: float
    figures: Mapping[str, Interval]
    criteria: Criteria
    breaches: tuple[Breach, ...]
    by: str
    at: float

    @property
    def is_accepted(self) -> bool:
        """Whether every criterion held."""
        return not self.breaches


_KEPT: Final = TypeAdapter(tuple[Acceptance, ...])


class AcceptanceFile:
    """The record in the state folder. `osteon accept` writes it, whoever needs it reads it."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / FILE

    def read(self) -> tuple[Acceptance, ...]:
        """Everything kept, the latest last; nothing where no pack was ever judged here.

        Raises:
            StorageError: `acceptance-broken`: it is not known any more what was refused.
        """
        try:
            with self._path.open("rb") as file:
                return _KEPT.validate_json(file.read(_MOST_BYTES))
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            raise StorageError("acceptance-broken", type(error).__name__) from None

    def keep(self, acceptance: Acceptance) -> None:
        """Add one, durably. Raises StorageError: `acceptance-broken`, as the disk does."""
        kept = (*self.read(), acceptance)[-_MOST_KEPT:]
        content = json.dumps([asdict(each) for each in kept], indent=1)
        # The analyser reads it as another user; the folder keeps everybody else out.
        write_durably(self._path, content.encode(), mode=0o644)

    def stamp(self) -> tuple[int, int] | None:
        """Changes whenever the file does; None where there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
