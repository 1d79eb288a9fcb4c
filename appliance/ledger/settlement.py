"""What is left to do about each study, over `work.db` and `delivery.db`: read in one go for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance.domain import CaseCode, StudyKey
from appliance.ledger.database import open_database

if TYPE_CHECKING:
    from pathlib import Path

_PROGRESS: Final = """
    SELECT study, max("case") AS "case", max(through) AS through,
      max(state <> 'reported') AS under_way, max(coalesce(outcome, '') = 'alert') AS alerted
    FROM revisions GROUP BY study"""

_SENT_ALERTS: Final = """
    SELECT id FROM items WHERE id > 0 AND ending IS NULL
    AND kind IN ('clinical-alert', 'amended-alert', 'not-analysed')
    AND EXISTS (SELECT 1 FROM deliveries WHERE item = items.id AND state = 'sent')"""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the analyser has done about a study. messages: the numbers of what it had delivered."""

    case: CaseCode
    through: int
    under_way: bool
    alerted: bool
    messages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Numbers of messages. alerts: sent, and waiting for a person to acknowledge them."""

    ended: frozenset[int]
    gave_up: frozenset[int]
    alerts: frozenset[int]


class Settlement:
    """Reads both ledgers, one thread at a time. StorageError("ledger-missing") as they say it."""

    def __init__(self, work: Path, delivery: Path) -> None:
        self._work = open_database(work, None, read_only=True)
        self._delivery = open_database(delivery, None, read_only=True)

    def close(self) -> None:
        """Close the databases."""
        self._work.close()
        self._delivery.close()

    def delivered(self) -> Delivered:
        """What has ended of all messages about studies. To be read before `worked`."""
        rows = self._delivery.execute(
            "SELECT id, ending FROM items WHERE id > 0 AND ending IS NOT NULL"
        ).fetchall()
        alerts = self._delivery.execute(_SENT_ALERTS).fetchall()
        return Delivered(
            ended=frozenset(row["id"] for row in rows),
            gave_up=frozenset(row["id"] for row in rows if row["ending"] == "given-up"),
            alerts=frozenset(row["id"] for row in alerts),
        )

    def worked(self) -> dict[StudyKey, Progress]:
        """What the analyser has done, by study."""
        messages: dict[str, list[int]] = {}
        for row in self._work.execute("SELECT id, study FROM outbox WHERE study <> ''"):
            messages.setdefault(row["study"], []).append(row["id"])
        return {
            StudyKey(row["study"]): Progress(
                case=CaseCode(row["case"]),
                through=row["through"],
                under_way=bool(row["under_way"]),
                alerted=bool(row["alerted"]),
                messages=tuple(messages.get(row["study"], ())),
            )
            for row in self._work.execute(_PROGRESS)
        }
