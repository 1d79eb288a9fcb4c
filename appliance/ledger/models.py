"""The model packs in `work.db`: which version the analyser uses, and how it runs here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.ledger.database import open_database, transaction
from appliance.ledger.work_schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelState:
    """One pack that the site wants.

    code, detail: why it is down, or runs elsewhere than asked; empty when all is well. version and
    digest are empty for a pack that could not be verified. runtime, device, ran_at: of its latest
    reading (wall seconds); empty and None before the first one.
    """

    name: str
    version: str = ""
    digest: str = ""
    code: str = ""
    detail: str = ""
    runtime: str = ""
    device: str = ""
    ran_at: float | None = None


class ModelStates:
    """Written by the analyser alone, over a connection of its own; one thread at a time."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = open_database(path, SCHEMA, read_only=read_only)

    def keep(self, states: Iterable[ModelState]) -> None:
        """These are the packs from now on, in one durable change."""
        with transaction(self._database) as database:
            database.execute("DELETE FROM models")
            for each in states:
                database.execute(
                    "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        each.name,
                        each.version,
                        each.digest,
                        each.code,
                        each.detail,
                        each.runtime,
                        each.device,
                        each.ran_at,
                    ),
                )

    def all(self) -> tuple[ModelState, ...]:
        """Every pack, by name; none in the ledger of a box that has not analysed yet."""
        rows = self._database.execute("SELECT * FROM models ORDER BY name")
        return tuple(ModelState(**dict(row)) for row in rows)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
