"""`work.db`: what the analyser knows. Written by the analyser alone.

Revisions with their state, the sealed value that each state holds, the timeline of events, the
outbox for the deliverer, the model packs and how they run (`models.py` reads and writes these), and
the keyed names of the objects that the box itself made.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from appliance.domain import (
    AlertSummary,
    CaseCode,
    InstanceKey,
    MessageKind,
    OutboxItem,
    Outcome,
    StudyKey,
)
from appliance.errors import StorageError
from appliance.ledger.codec import decode, encode
from appliance.ledger.database import close_database, open_database, transaction
from appliance.ledger.work_schema import SCHEMA
from appliance.lifecycle import TRANSITIONS, VALUES, StudyState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from appliance.sealing import StudySeal

Field = str | int | float | bool | None
_OF_A_STUDY: Final = ("stage_values", "outbox", "own_objects", "events", "broken", "revisions")


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a study as the ledger has it."""

    study: StudyKey
    revision: int
    case: CaseCode
    state: StudyState
    attempts: int
    through: int
    """The last spooled instance that belongs to it."""
    opened_at: float
    changed_at: float
    outcome: Outcome | None
    reason: str | None
    is_phantom: bool = False
    """Positively recognised as the study that `osteon check` sends: no patient."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a study's timeline."""

    at: float
    revision: int
    name: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What a stage asks to have delivered; the ledger gives it its number."""

    kind: MessageKind
    summary: AlertSummary | None
    blobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a revision ends, and everything that follows from it."""

    outcome: Outcome
    reason: str | None
    messages: tuple[NewMessage, ...] = ()
    own_objects: tuple[InstanceKey, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)


class WorkLedger:
    """`work.db`. A read-only one refuses every change."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = open_database(path, SCHEMA, read_only=read_only)
        self._read_only = read_only
        self._lock = threading.Lock()

    # --- changes: the analyser only ---------------------------------------------------------------

    def open_revision(self, study: StudyKey, case: CaseCode, through: int, now: float) -> Revision:
        """Begin the next revision of a study, in COLLECTING."""
        with self._lock, transaction(self._database) as database:
            (last,) = database.execute(
                "SELECT coalesce(max(revision), 0) FROM revisions WHERE study = ?", (study,)
            ).fetchone()
            database.execute(
                'INSERT INTO revisions (study, revision, "case", state, through, opened_at,'
                " changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (study, last + 1, case, StudyState.COLLECTING, through, now, now),
            )
        found = self.revision(study, last + 1)
        if found is None:
            raise StorageError("ledger-broken", "work.db")
        return found

    def extend(self, revision: Revision, through: int) -> None:
        """A collecting revision takes in further instances."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "UPDATE revisions SET through = ? WHERE study = ? AND revision = ? AND state = ?",
                (through, revision.study, revision.revision, StudyState.COLLECTING),
            )

    def mark_phantom(self, revision: Revision) -> None:
        """Note that a collecting revision is the box's own phantom."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "UPDATE revisions SET phantom = 1 WHERE study = ? AND revision = ? AND state = ?",
                (revision.study, revision.revision, StudyState.COLLECTING),
            )

    def set_aside(self, revision: Revision, through: int, count: int, now: float) -> None:
        """Note instances that reopen nothing: reports, or the box's own objects coming back."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "UPDATE revisions SET through = ? WHERE study = ? AND revision = ?",
                (through, revision.study, revision.revision),
            )
            self._record(database, revision, now, "set-aside", {"count": count})

    def begin_attempt(self, revision: Revision) -> int:
        """Count an attempt at the next stage BEFORE it runs; returns how many there were."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "UPDATE revisions SET attempts = attempts + 1 WHERE study = ? AND revision = ?",
                (revision.study, revision.revision),
            )
            (attempts,) = database.execute(
                "SELECT attempts FROM revisions WHERE study = ? AND revision = ?",
                (revision.study, revision.revision),
            ).fetchone()
        return int(attempts)

    def begin_anew(self, revision: Revision) -> None:
        """The attempts so far were not the study's: the next one is the first."""
        with self._lock, transaction(self._database) as database:
            database.execute(
                "UPDATE revisions SET attempts = 0 WHERE study = ? AND revision = ?",
                (revision.study, revision.revision),
            )

    def advance(
        self,
        revision: Revision,
        value: object,
        seal: StudySeal,
        now: float,
        fields: Mapping[str, Field],
    ) -> None:
        """Commit the value that a stage returned and move to the state that holds it."""
        state = TRANSITIONS[revision.state]
        if not isinstance(value, VALUES[state]):
            raise StorageError("ledger-broken", f"{type(value).__name__} in {state}")
        sealed = seal.seal(encode(value), _purpose(revision.revision, state))
        with self._lock, transaction(self._database) as database:
            self._move(database, revision, state, now)
            database.execute(
                "INSERT OR REPLACE INTO stage_values VALUES (?, ?, ?, ?)",
                (revision.study, revision.revision, state, sealed),
            )
            self._record(database, revision, now, state, fields)

    def report(self, revision: Revision, ending: Ending, now: float) -> None:
        """End a revision: outcome and everything to deliver, in one durable change."""
        with self._lock, transaction(self._database) as database:
            self._move(database, revision, StudyState.REPORTED, now)
            database.execute(
                "UPDATE revisions SET outcome = ?, reason = ? WHERE study = ? AND revision = ?",
                (ending.outcome, ending.reason, revision.study, revision.revision),
            )
            for message in ending.messages:
                _post(database, revision, message, now)
            database.executemany(
                "INSERT OR IGNORE INTO own_objects VALUES (?, ?)",
                [(key, revision.study) for key in ending.own_objects],
            )
            fields = {"outcome": ending.outcome, "reason": ending.reason, **ending.fields}
            self._record(database, revision, now, StudyState.REPORTED, fields)

    def post_technical(self, summary: AlertSummary, now: float) -> None:
        """A message for the technician that belongs to no study."""
        with self._lock, transaction(self._database) as database:
            _post(database, None, NewMessage(MessageKind.TECHNICAL, summary), now)

    def note_broken(self, study: StudyKey, broken: Mapping[int, str]) -> None:
        """Instances that cannot be opened, and why: the receiver is to set them aside."""
        with self._lock, transaction(self._database) as database:
            database.executemany(
                "INSERT OR IGNORE INTO broken VALUES (?, ?, ?)",
                [(instance, study, code) for instance, code in broken.items()],
            )

    def forget(self, studies: Iterable[StudyKey]) -> tuple[str, ...]:
        """Take everything out that is about these studies; returns their attachments' names."""
        blobs: list[str] = []
        with self._lock, transaction(self._database) as database:
            for study in studies:
                for row in database.execute("SELECT blobs FROM outbox WHERE study = ?", (study,)):
                    blobs += json.loads(row["blobs"])
                for table in _OF_A_STUDY:
                    database.execute(f"DELETE FROM {table} WHERE study = ?", (study,))  # noqa: S608 - only the literals above
        return tuple(blobs)

    def note(
        self,
        revision: Revision,
        now: float,
        name: str,
        fields: Mapping[str, Field],
    ) -> None:
        """Add a line to a study's timeline without moving it."""
        with self._lock, transaction(self._database) as database:
            self._record(database, revision, now, name, fields)

    @staticmethod
    def _move(
        database: sqlite3.Connection, revision: Revision, state: StudyState, now: float
    ) -> None:
        moved = database.execute(
            "UPDATE revisions SET state = ?, attempts = 0, changed_at = ?"
            " WHERE study = ? AND revision = ? AND state = ?",
            (state, now, revision.study, revision.revision, revision.state),
        )
        if moved.rowcount != 1:
            raise StorageError("ledger-broken", f"{revision.state} to {state}")

    @staticmethod
    def _record(
        database: sqlite3.Connection,
        revision: Revision,
        now: float,
        name: str,
        fields: Mapping[str, Field],
    ) -> None:
        database.execute(
            "INSERT INTO events (study, revision, at, name, fields) VALUES (?, ?, ?, ?, ?)",
            (revision.study, revision.revision, now, name, json.dumps(dict(fields))),
        )

    # --- reading: everybody -----------------------------------------------------------------------

    def revision(self, study: StudyKey, number: int) -> Revision | None:
        """One revision, if it is there."""
        return self._one("WHERE study = ? AND revision = ?", study, number)

    def latest(self, study: StudyKey) -> Revision | None:
        """The newest revision of a study."""
        return self._one("WHERE study = ? ORDER BY revision DESC LIMIT 1", study)

    def studies(self) -> frozenset[StudyKey]:
        """Every study that something is known about."""
        rows = self._database.execute(
            "SELECT study FROM revisions UNION SELECT study FROM own_objects"
        )
        return frozenset(StudyKey(row[0]) for row in rows)

    def broken(self) -> tuple[int, ...]:
        """The numbers of the instances that could not be opened."""
        return tuple(row[0] for row in self._database.execute("SELECT instance FROM broken"))

    def unfinished(self) -> tuple[Revision, ...]:
        """Every revision that has not ended, the oldest first."""
        return self._many("WHERE state <> 'reported' ORDER BY opened_at")

    def revisions(self, newest: int = 1000) -> tuple[Revision, ...]:
        """The newest revisions, newest first."""
        return self._many("ORDER BY opened_at DESC, revision DESC LIMIT ?", newest)

    def of_case(self, case: CaseCode) -> tuple[Revision, ...]:
        """All revisions that people know under this code, oldest first."""
        return self._many('WHERE "case" = ? ORDER BY opened_at, revision', case)

    def value(self, revision: Revision, state: StudyState, seal: StudySeal) -> object:
        """What a state of a revision holds, unsealed. StorageError when it is not there."""
        row = self._database.execute(
            "SELECT sealed FROM stage_values WHERE study = ? AND revision = ? AND state = ?",
            (revision.study, revision.revision, state),
        ).fetchone()
        if row is None:
            raise StorageError("ledger-broken", f"no value in {state}")
        return decode(seal.open(row["sealed"], _purpose(revision.revision, state)), VALUES[state])

    def events(self, study: StudyKey) -> tuple[Event, ...]:
        """A study's timeline over all its revisions."""
        rows = self._database.execute(
            "SELECT at, revision, name, fields FROM events WHERE study = ? ORDER BY id", (study,)
        )
        return tuple(
            Event(row["at"], row["revision"], row["name"], json.loads(row["fields"]))
            for row in rows
        )

    def outbox_after(self, last: int, limit: int = 200) -> tuple[OutboxItem, ...]:
        """Messages numbered above `last`, oldest first."""
        rows = self._database.execute(
            "SELECT * FROM outbox WHERE id > ? ORDER BY id LIMIT ?", (last, limit)
        )
        return tuple(_item(row) for row in rows)

    def outbox_of(self, study: StudyKey) -> tuple[OutboxItem, ...]:
        """All messages about one study, oldest first."""
        rows = self._database.execute("SELECT * FROM outbox WHERE study = ? ORDER BY id", (study,))
        return tuple(_item(row) for row in rows)

    def outbox_numbers(self) -> frozenset[int]:
        """The numbers of all messages that are still kept."""
        return frozenset(row[0] for row in self._database.execute("SELECT id FROM outbox"))

    def posted_blobs(self) -> frozenset[str]:
        """Every attachment that a message refers to."""
        rows = self._database.execute("SELECT blobs FROM outbox")
        return frozenset(name for row in rows for name in json.loads(row["blobs"]))

    def is_own_object(self, instance: InstanceKey) -> bool:
        """Whether this instance is one that the box itself made."""
        row = self._database.execute(
            "SELECT 1 FROM own_objects WHERE instance = ?", (instance,)
        ).fetchone()
        return row is not None

    def close(self) -> None:
        """Close the database."""
        close_database(self._database, read_only=self._read_only)

    def _one(self, where: str, *values: object) -> Revision | None:
        found = self._many(where, *values)
        return found[0] if found else None

    def _many(self, where: str, *values: object) -> tuple[Revision, ...]:
        rows = self._database.execute(f"SELECT * FROM revisions {where}", values)  # noqa: S608 - only the literals above
        return tuple(
            Revision(
                study=StudyKey(row["study"]),
                revision=row["revision"],
                case=CaseCode(row["case"]),
                state=StudyState(row["state"]),
                attempts=row["attempts"],
                through=row["through"],
                opened_at=row["opened_at"],
                changed_at=row["changed_at"],
                outcome=Outcome(row["outcome"]) if row["outcome"] else None,
                reason=row["reason"],
                is_phantom=bool(row["phantom"]),
            )
            for row in rows
        )


def _purpose(revision: int, state: StudyState) -> str:
    return f"stage/{revision}/{state}"


def _post(
    database: sqlite3.Connection, revision: Revision | None, message: NewMessage, now: float
) -> None:
    summary = None if message.summary is None else encode(message.summary)
    about = (
        ("", 0, message.summary.case if message.summary else "")
        if revision is None
        else (revision.study, revision.revision, revision.case)
    )
    database.execute(
        'INSERT INTO outbox (study, revision, "case", kind, created_at, summary, blobs)'
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*about, message.kind, now, summary, json.dumps(message.blobs)),
    )


def _item(row: sqlite3.Row) -> OutboxItem:
    return OutboxItem(
        id=row["id"],
        study=StudyKey(row["study"]),
        revision=row["revision"],
        case=CaseCode(row["case"]),
        kind=MessageKind(row["kind"]),
        created_at=row["created_at"],
        summary=None if row["summary"] is None else decode(row["summary"], (AlertSummary,)),
        blobs=tuple(json.loads(row["blobs"])),
    )
