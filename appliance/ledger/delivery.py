"""`delivery.db`: what got out, to whom, and who acknowledged it.

Written by the deliverer, and by `osteon ack` in another process (SQLite's own lock between them).
An item has the number of its outbox item in `work.db`; the deliverer's own notices to the
technician have negative numbers. Times that decide anything are steady seconds (see
`appliance.pipeline.deliver.steady`); wall time is kept beside them for people.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from appliance.domain import AlertSummary, CaseCode, MessageKind, OutboxItem, StudyKey
from appliance.errors import UsageError
from appliance.ledger.codec import decode, encode
from appliance.ledger.database import close_database, open_database, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

SCHEMA: Final = (
    """
    CREATE TABLE items (
      id INTEGER PRIMARY KEY, "case" TEXT NOT NULL, revision INTEGER NOT NULL, kind TEXT NOT NULL,
      has_page INTEGER NOT NULL, since REAL NOT NULL, stage INTEGER NOT NULL DEFAULT 0,
      stage_since REAL NOT NULL, ending TEXT, ended_at REAL, notice BLOB);
    CREATE INDEX open_items ON items (id) WHERE ending IS NULL;
    CREATE INDEX items_of ON items ("case");
    CREATE TABLE deliveries (
      item INTEGER NOT NULL REFERENCES items (id), stage INTEGER NOT NULL, channel TEXT NOT NULL,
      recipient TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, last_at REAL NOT NULL,
      wall_at REAL NOT NULL, code TEXT NOT NULL, receipt TEXT NOT NULL,
      PRIMARY KEY (item, stage, channel, recipient)) WITHOUT ROWID;
    CREATE TABLE acknowledgements (
      id INTEGER PRIMARY KEY, "case" TEXT NOT NULL, "by" TEXT NOT NULL, at REAL NOT NULL,
      through INTEGER NOT NULL);
    CREATE INDEX acknowledgements_of ON acknowledgements ("case");
    CREATE TABLE steady (one INTEGER PRIMARY KEY CHECK (one = 1), seconds REAL, wall REAL);
    """,
    # Items come and go with their studies: what was taken up once is never taken up again, and a
    # number that was given once never means something else.
    """
    CREATE TABLE numbers (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER, first INTEGER);
    INSERT INTO numbers SELECT 1, max(0, coalesce(max(id), 0)), min(0, coalesce(min(id), 0))
      FROM items;
    CREATE TABLE kept_acknowledgements (
      id INTEGER PRIMARY KEY AUTOINCREMENT, "case" TEXT NOT NULL, "by" TEXT NOT NULL,
      at REAL NOT NULL, through INTEGER NOT NULL);
    INSERT INTO kept_acknowledgements SELECT id, "case", "by", at, through FROM acknowledgements;
    DROP TABLE acknowledgements;
    ALTER TABLE kept_acknowledgements RENAME TO acknowledgements;
    CREATE INDEX acknowledgements_of ON acknowledgements ("case");
    """,
)

_MOST_NAME: Final = 80
_TOLD: Final = (MessageKind.CLINICAL_ALERT, MessageKind.AMENDED_ALERT, MessageKind.NOT_ANALYSED)


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks: steady seconds decide, wall seconds are for people."""

    steady: float
    wall: float


@dataclass(frozen=True, slots=True, order=True)
class Destination:
    """A configured channel, and for mail one address."""

    channel: str
    recipient: str = ""


class DeliveryState(StrEnum):
    """Where one delivery stands."""

    BEGUN = "begun"
    """Begun and not ended: it is being sent, or the process died while it was."""
    SENT = "sent"
    FAILED = "failed"
    """Trying again can help."""
    DEAD = "dead"
    """The other side will not take it until somebody mends something."""
    ABANDONED = "abandoned"
    """Given up after the site's number of days; never for an alert."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One item to one destination at one stage of the escalation."""

    destination: Destination
    stage: int
    state: DeliveryState
    tries: int
    last: Moment
    code: str = ""
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one item is."""

    id: int
    case: CaseCode
    revision: int
    kind: MessageKind
    has_page: bool
    since: float
    stage: int
    stage_since: float
    deliveries: tuple[Delivery, ...] = ()
    ending: str | None = None

    def delivery(self, destination: Destination, stage: int) -> Delivery | None:
        """What was recorded for a destination at a stage."""
        for one in self.deliveries:
            if one.destination == destination and one.stage == stage:
                return one
        return None

    def with_delivery(self, new: Delivery) -> Progress:
        """The same with one delivery added or brought up to date."""
        others = (
            one
            for one in self.deliveries
            if (one.destination, one.stage) != (new.destination, new.stage)
        )
        return replace(self, deliveries=(*others, new))


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A person said that they have seen a case, up to this item and not beyond."""

    id: int
    case: CaseCode
    by: str
    at: float
    through: int


class DeliveryLedger:
    """`delivery.db`. A read-only one refuses every change."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = open_database(path, SCHEMA, read_only=read_only)
        self._read_only = read_only
        self._lock = threading.Lock()

    # --- changes: the deliverer -------------------------------------------------------------------

    def register(self, progress: Progress, moment: Moment, notice: AlertSummary | None) -> None:
        """Take an item up, before anything of it is sent. `notice`: the box's own message."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                'INSERT OR IGNORE INTO items (id, "case", revision, kind, has_page, since, stage,'
                " stage_since, notice) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    progress.id,
                    progress.case,
                    progress.revision,
                    progress.kind,
                    progress.has_page,
                    progress.since,
                    progress.stage,
                    progress.stage_since,
                    None if notice is None else encode(notice),
                ),
            )
            database.execute(
                "UPDATE numbers SET last = max(last, ?1), first = min(first, ?1)", (progress.id,)
            )
            _keep_time(database, moment)

    def record(self, item: int, delivery: Delivery) -> None:
        """Bring one delivery up to date: before it begins, and when it has ended."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    item,
                    delivery.stage,
                    delivery.destination.channel,
                    delivery.destination.recipient,
                    delivery.state,
                    delivery.tries,
                    delivery.last.steady,
                    delivery.last.wall,
                    delivery.code,
                    delivery.receipt,
                ),
            )
            _keep_time(database, delivery.last)

    def escalate(self, item: int, stage: int, moment: Moment) -> None:
        """The item has reached this stage."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "UPDATE items SET stage = ?, stage_since = ? WHERE id = ?",
                (stage, moment.steady, item),
            )
            _keep_time(database, moment)

    def end(self, item: int, ending: str, moment: Moment) -> None:
        """Nothing is left to do about the item; `ending` says why."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "UPDATE items SET ending = ?, ended_at = ? WHERE id = ? AND ending IS NULL",
                (ending, moment.wall, item),
            )
            _keep_time(database, moment)

    def ended(self) -> frozenset[int]:
        """The numbers of all items of the outbox that have ended."""
        rows = self._database.execute("SELECT id FROM items WHERE id > 0 AND ending IS NOT NULL")
        return frozenset(row["id"] for row in rows)

    def forget(self, items: Iterable[int]) -> None:
        """Take ended items out, and the acknowledgements that reach no further than they did."""
        with self._lock, transaction(self._database) as database:
            for item in items:
                database.execute("DELETE FROM deliveries WHERE item = ?", (item,))
                database.execute("DELETE FROM items WHERE id = ?", (item,))
            database.execute(
                "DELETE FROM acknowledgements WHERE through NOT IN (SELECT id FROM items)"
            )

    # --- changes: anybody on the box --------------------------------------------------------------

    def acknowledge(self, case: CaseCode, by: str, at: float) -> Acknowledgement:
        """A person has seen the case as far as it was told until now; its escalation stops.

        at: wall seconds. What is told later (an amendment) has to be acknowledged by itself. Where
        nothing was told yet, the person knows from elsewhere, and all that there is counts as seen.

        Raises:
            UsageError: `case-unknown`, or `name-missing` for an empty name.
        """
        name = " ".join(by.split())[:_MOST_NAME]
        if not name:
            raise UsageError("name-missing")
        with self._lock, transaction(self._database) as database:
            # Nobody can have seen an amendment that is still on its way: it is told all the same.
            (through,) = database.execute(
                "SELECT coalesce(max(iif(state = ?, items.id, NULL)), max(items.id))"
                " FROM items LEFT JOIN deliveries ON item = items.id"
                ' WHERE "case" = ? AND kind IN (?, ?, ?)',
                (DeliveryState.SENT, case, *_TOLD),
            ).fetchone()
            if through is None:
                raise UsageError("case-unknown")
            cursor = database.execute(
                'INSERT INTO acknowledgements ("case", "by", at, through) VALUES (?, ?, ?, ?)',
                (case, name, at, through),
            )
        return Acknowledgement(int(cursor.lastrowid or 0), case, name, at, through)

    # --- reading ----------------------------------------------------------------------------------

    def open_items(self) -> tuple[Progress, ...]:
        """Every item that has not ended, the oldest first."""
        return self._items("WHERE ending IS NULL ORDER BY id")

    def of_case(self, case: CaseCode) -> tuple[Progress, ...]:
        """Every item of a case, the oldest first."""
        return self._items('WHERE "case" = ? ORDER BY since, id', case)

    def last_outbox(self) -> int:
        """The highest outbox number that was taken up; 0 when none was."""
        (last,) = self._database.execute("SELECT last FROM numbers").fetchone()
        return int(last)

    def first_notice(self) -> int:
        """The lowest number given to a notice of the box's own; 0 when there is none."""
        (first,) = self._database.execute("SELECT first FROM numbers").fetchone()
        return int(first)

    def notice(self, item: int) -> OutboxItem | None:
        """One of the box's own messages, in the form in which all others come."""
        row = self._database.execute(
            "SELECT * FROM items WHERE id = ? AND notice IS NOT NULL", (item,)
        ).fetchone()
        if row is None:
            return None
        summary = decode(row["notice"], (AlertSummary,))
        return own_notice(row["id"], summary)

    def notices(self, newest: int = 200) -> tuple[tuple[AlertSummary, float], ...]:
        """The box's own latest messages, newest first, with the steady second of each."""
        rows = self._database.execute(
            "SELECT notice, since FROM items WHERE notice IS NOT NULL ORDER BY id LIMIT ?",
            (newest,),
        )
        return tuple((decode(row["notice"], (AlertSummary,)), row["since"]) for row in rows)

    def last_report(self) -> float | None:
        """The wall second of the last daily report; None when there was none yet."""
        row = self._database.execute(
            "SELECT notice FROM items WHERE kind = ? ORDER BY id LIMIT 1",
            (MessageKind.DAILY_REPORT,),
        ).fetchone()
        return None if row is None else decode(row["notice"], (AlertSummary,)).decided_at

    def acknowledgements(self, after: int = 0) -> tuple[Acknowledgement, ...]:
        """Acknowledgements numbered above `after`, in order."""
        rows = self._database.execute(
            "SELECT * FROM acknowledgements WHERE id > ? ORDER BY id", (after,)
        )
        return tuple(
            Acknowledgement(row["id"], CaseCode(row["case"]), row["by"], row["at"], row["through"])
            for row in rows
        )

    def acknowledged_by(self, case: CaseCode) -> str | None:
        """Who acknowledged a case last; None where nobody has."""
        row = self._database.execute(
            'SELECT "by" FROM acknowledgements WHERE "case" = ? ORDER BY id DESC LIMIT 1', (case,)
        ).fetchone()
        return None if row is None else str(row["by"])

    def last_moment(self) -> Moment | None:
        """The latest instant that was recorded; None in a new ledger."""
        row = self._database.execute("SELECT seconds, wall FROM steady").fetchone()
        return None if row is None else Moment(row["seconds"], row["wall"])

    def close(self) -> None:
        """Close the database."""
        close_database(self._database, read_only=self._read_only)

    def _items(self, where: str, *values: object) -> tuple[Progress, ...]:
        rows = self._database.execute(f"SELECT * FROM items {where}", values).fetchall()  # noqa: S608 - only the literals above
        return tuple(
            Progress(
                id=row["id"],
                case=CaseCode(row["case"]),
                revision=row["revision"],
                kind=MessageKind(row["kind"]),
                has_page=bool(row["has_page"]),
                since=row["since"],
                stage=row["stage"],
                stage_since=row["stage_since"],
                deliveries=self._deliveries(row["id"]),
                ending=row["ending"],
            )
            for row in rows
        )

    def _deliveries(self, item: int) -> tuple[Delivery, ...]:
        rows = self._database.execute(
            "SELECT * FROM deliveries WHERE item = ? ORDER BY stage, last_at", (item,)
        )
        return tuple(
            Delivery(
                Destination(row["channel"], row["recipient"]),
                row["stage"],
                DeliveryState(row["state"]),
                row["tries"],
                Moment(row["last_at"], row["wall_at"]),
                row["code"],
                row["receipt"],
            )
            for row in rows
        )


def own_notice(number: int, summary: AlertSummary) -> OutboxItem:
    """A message of the deliverer itself to the technician."""
    return OutboxItem(
        id=number,
        study=StudyKey(""),
        revision=0,
        case=summary.case,
        kind=summary.kind,
        created_at=summary.decided_at,
        summary=summary,
    )


def _keep_time(database: sqlite3.Connection, moment: Moment) -> None:
    # Deliveries end on several threads: the instant kept is the latest one.
    database.execute(
        "INSERT INTO steady VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE"
        " SET seconds = excluded.seconds, wall = excluded.wall"
        " WHERE excluded.seconds >= steady.seconds",
        (moment.steady, moment.wall),
    )
