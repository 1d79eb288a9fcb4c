"""Counts and ages over all ledgers, for the daily report and for metrics. Nothing of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance.domain import CaseCode, Outcome, StudyKey
from appliance.ledger.database import open_database
from appliance.lifecycle import StudyState

if TYPE_CHECKING:
    from pathlib import Path

_NOBODY_YET: Final = """
    SELECT DISTINCT "case" FROM items
    WHERE kind IN ('clinical-alert', 'amended-alert', 'not-analysed') AND ending IS NULL
    ORDER BY since"""

_PASSAGES: Final = """
    SELECT name, at - coalesce(
      (SELECT max(before.at) FROM events AS before WHERE before.study = events.study
       AND before.revision = events.revision AND before.id < events.id
       AND before.name <> 'set-aside'),
      (SELECT opened_at FROM revisions WHERE revisions.study = events.study
       AND revisions.revision = events.revision)) AS seconds
    FROM events WHERE id > ? AND id <= ?
    AND name IN ('complete', 'gated', 'analysed', 'reported') ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How many revisions came to one outcome for one reason."""

    outcome: Outcome
    reason: str
    count: int


class Figures:
    """Reads all three ledgers; they must be there. One thread at a time."""

    def __init__(self, intake: Path, work: Path, delivery: Path) -> None:
        self._intake = open_database(intake, None, read_only=True)
        self._work = open_database(work, None, read_only=True)
        self._delivery = open_database(delivery, None, read_only=True)

    def close(self) -> None:
        """Close the databases."""
        for database in (self._intake, self._work, self._delivery):
            database.close()

    # --- receiving --------------------------------------------------------------------------------

    def last_instance(self) -> tuple[int, float | None]:
        """Number and wall second of the newest instance; (0, None) when there is none."""
        row = self._intake.execute(
            "SELECT id, received_at FROM instances ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return (0, None) if row is None else (row["id"], row["received_at"])

    def received_between(self, first: int, last: int) -> tuple[int, int]:
        """How many instances are numbered above `first` up to `last`, and their bytes."""
        row = self._intake.execute(
            "SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM instances"
            " WHERE id > ? AND id <= ?",
            (first, last),
        ).fetchone()
        return row["count"], row["bytes"]

    def not_taken_up(self, since: float) -> dict[StudyKey, float]:
        """Studies with images that no revision has, and the wall second of the last such image.

        since: looks at images from this wall second on.
        """
        rows = self._intake.execute(
            "SELECT study_key, newest, received_at AS at FROM studies WHERE received_at >= ?",
            (since,),
        )
        return {
            StudyKey(row["study_key"]): row["at"]
            for row in rows
            if row["newest"] > self._taken_up(row["study_key"])
        }

    def _taken_up(self, study: str) -> int:
        (through,) = self._work.execute(
            "SELECT coalesce(max(through), 0) FROM revisions WHERE study = ?", (study,)
        ).fetchone()
        return int(through)

    # --- analysing --------------------------------------------------------------------------------

    def ended_since(self, since: float) -> tuple[Ended, ...]:
        """Revisions of patients that ended after this wall second, by outcome and reason."""
        rows = self._work.execute(
            "SELECT outcome, coalesce(reason, '') AS reason, count(*) AS count FROM revisions"
            " WHERE state = 'reported' AND changed_at > ? AND NOT phantom"
            " GROUP BY 1, 2 ORDER BY 3 DESC",
            (since,),
        )
        return tuple(Ended(Outcome(row["outcome"]), row["reason"], row["count"]) for row in rows)

    def in_each_state(self) -> dict[StudyState, int]:
        """How many revisions stand in each state before the end."""
        rows = self._work.execute(
            "SELECT state, count(*) AS count FROM revisions WHERE state <> 'reported' GROUP BY 1"
        )
        return {StudyState(row["state"]): row["count"] for row in rows}

    def last_event(self) -> int:
        """The number of the newest line of any timeline; 0 when there is none."""
        (last,) = self._work.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
        return int(last)

    def passages_between(self, first: int, last: int) -> tuple[tuple[StudyState, float], ...]:
        """Every step of a revision in these lines: the state reached, seconds since the one before.

        Lines of the timelines are numbered; first is left out, last is in. So for the next two.
        """
        rows = self._work.execute(_PASSAGES, (first, last))
        return tuple((StudyState(row["name"]), max(0.0, row["seconds"] or 0.0)) for row in rows)

    def outcomes_between(self, first: int, last: int) -> tuple[Outcome, ...]:
        """What revisions came to."""
        rows = self._work.execute(
            "SELECT json_extract(fields, '$.outcome') AS outcome FROM events"
            " WHERE id > ? AND id <= ? AND name = 'reported'",
            (first, last),
        )
        return tuple(Outcome(row["outcome"]) for row in rows)

    def readings_between(self, first: int, last: int) -> tuple[tuple[str, float], ...]:
        """What was read: the models with their runtimes, and the seconds that they took."""
        rows = self._work.execute(
            "SELECT json_extract(fields, '$.model') AS model,"
            " json_extract(fields, '$.seconds') AS seconds FROM events"
            " WHERE id > ? AND id <= ? AND name = 'analysed' AND model IS NOT NULL",
            (first, last),
        )
        return tuple((row["model"], row["seconds"]) for row in rows)

    # --- delivering -------------------------------------------------------------------------------

    def unacknowledged(self) -> tuple[CaseCode, ...]:
        """Cases that a person was told of and nobody has acknowledged, the oldest first."""
        return tuple(CaseCode(row["case"]) for row in self._delivery.execute(_NOBODY_YET))

    def waiting(self) -> int:
        """How many items have something that has not got out."""
        (count,) = self._delivery.execute(
            "SELECT count(DISTINCT item) FROM deliveries JOIN items ON item = items.id"
            " WHERE ending IS NULL AND state IN ('failed', 'dead')"
        ).fetchone()
        return int(count)

    def deliveries(self) -> tuple[tuple[str, str, int], ...]:
        """Every delivery that was ever begun: channel, state, how many."""
        rows = self._delivery.execute(
            "SELECT channel, state, count(*) FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return tuple((channel, state, count) for channel, state, count in rows)

    def open_items(self) -> tuple[tuple[str, int], ...]:
        """What has not ended, by kind of message."""
        rows = self._delivery.execute(
            "SELECT kind, count(*) FROM items WHERE ending IS NULL GROUP BY 1 ORDER BY 1"
        )
        return tuple((kind, count) for kind, count in rows)
