"""The receiver's ledger: which instances lie in the spool, and which association brought them.

`IntakeLedger` is written by the receiver alone; other units open it read-only. UIDs stand in it
only as keyed HMACs.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from appliance.domain import InstanceKey, SeriesKey, SpooledInstance, StudyKey
from appliance.errors import StorageError
from appliance.ledger.database import (
    close_database,
    ledger_error,
    open_database,
    transaction,
)
from appliance.ledger.lives import Lives

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA: Final = (
    """
    CREATE TABLE studies (
        study_key TEXT PRIMARY KEY,
        wrapped_keyset BLOB NOT NULL,
        created_at REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE associations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        calling_ae TEXT NOT NULL,
        address TEXT NOT NULL,
        opened_at REAL NOT NULL,
        closed_at REAL,
        ending TEXT
    );
    CREATE INDEX associations_open ON associations (id) WHERE closed_at IS NULL;
    CREATE TABLE instances (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        blob TEXT NOT NULL UNIQUE,
        study_key TEXT NOT NULL REFERENCES studies,
        series_key TEXT NOT NULL,
        instance_key TEXT NOT NULL,
        digest TEXT NOT NULL,
        sop_class_uid TEXT NOT NULL,
        transfer_syntax_uid TEXT NOT NULL,
        size INTEGER NOT NULL,
        association INTEGER NOT NULL REFERENCES associations,
        received_at REAL NOT NULL,
        conflict INTEGER NOT NULL,
        UNIQUE (instance_key, digest)
    );
    CREATE INDEX instances_of_study ON instances (study_key);
    CREATE TABLE visits (
        study_key TEXT NOT NULL REFERENCES studies,
        association INTEGER NOT NULL REFERENCES associations,
        PRIMARY KEY (study_key, association)
    ) WITHOUT ROWID;
    """,
    # What is known of a study as a whole, so that nobody has to read its instances for it; and what
    # it takes to let a study go (see `lives.py`).
    """
    ALTER TABLE studies ADD COLUMN life TEXT NOT NULL DEFAULT '';
    ALTER TABLE studies ADD COLUMN wrapped_by INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE studies ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE studies ADD COLUMN newest INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE studies ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE studies ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE studies ADD COLUMN received_at REAL NOT NULL DEFAULT 0;
    ALTER TABLE studies ADD COLUMN settled_s REAL;
    UPDATE studies SET life = lower(hex(randomblob(8)));
    UPDATE studies SET first = one.first, newest = one.newest, images = one.images,
      bytes = one.bytes, received_at = one.received_at
      FROM (SELECT study_key AS study, min(id) AS first, max(id) AS newest, count(*) AS images,
            sum(size) AS bytes, max(received_at) AS received_at FROM instances GROUP BY 1) AS one
      WHERE study_key = one.study;
    CREATE INDEX studies_newest ON studies (newest);
    CREATE INDEX instances_of_association ON instances (association);
    CREATE INDEX visits_of_association ON visits (association);
    ALTER TABLE instances ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE doomed (blob TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE lived_time (one INTEGER PRIMARY KEY CHECK (one = 1), seconds REAL NOT NULL,
      monotonic REAL NOT NULL, wall REAL NOT NULL);
    CREATE TABLE wrapping (key INTEGER PRIMARY KEY, retired INTEGER NOT NULL);
    """,
)


class Filing(Enum):
    """What became of an instance that was offered to the ledger."""

    NEW = "new"
    IDENTICAL = "identical"
    """Already there with the same bytes: nothing was added, and its blob is not needed."""
    CONFLICT = "conflict"
    """Already there with other bytes: both are kept, and the later one is flagged."""


@dataclass(frozen=True, slots=True)
class StoredKeyset:
    """A study's keyset as the ledger has it. A study that comes back after its expiry lives anew.

    life: names this keyset, whatever wraps it. wrapped_by: the wrapping key's number.
    """

    life: str
    wrapped: bytes
    wrapped_by: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One received instance whose bytes are durable, as it is offered to the ledger."""

    blob: str
    study: StudyKey
    keyset: StoredKeyset
    series: SeriesKey
    instance: InstanceKey
    digest: str
    sop_class_uid: str
    transfer_syntax_uid: str
    size: int
    received_at: float


@dataclass(frozen=True, slots=True)
class AssociationRecord:
    """One association that stored something. `ending` is None while it is open."""

    id: int
    calling_ae: str
    address: str
    opened_at: float
    closed_at: float | None
    ending: str | None
    """`released`, `aborted` or `lost`."""


class IntakeLedger:
    """The receiver writes through it, the analyser reads through a read-only one of its own.

    One thread at a time. Every method raises StorageError when the database fails.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = open_database(path, _SCHEMA, read_only=read_only)
        self._read_only = read_only
        self.lives = Lives(self._execute)

    def close(self) -> None:
        """Give the database back."""
        close_database(self._database, read_only=self._read_only)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside becomes durable together, or not at all."""
        with transaction(self._database):
            yield

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of a transaction that may fail, and vanish, without the rest."""
        self._execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK TO part")
            raise
        finally:
            self._execute("RELEASE part")

    # --- the receiver's side ----------------------------------------------------------------------

    def open_association(self, calling_ae: str, address: str, opened_at: float) -> int:
        """Record an association that is about to store; returns its number."""
        row = self._execute(
            "INSERT INTO associations (calling_ae, address, opened_at) VALUES (?, ?, ?)"
            " RETURNING id",
            calling_ae,
            address,
            opened_at,
        ).fetchone()
        return int(row["id"])

    def close_association(self, association: int, ending: str, closed_at: float) -> None:
        """Record how an association ended."""
        self._execute(
            "UPDATE associations SET ending = ?, closed_at = ? WHERE id = ?",
            ending,
            closed_at,
            association,
        )

    def close_lost_associations(self, closed_at: float) -> int:
        """Close what a killed receiver left open; returns how many."""
        return self._execute(
            "UPDATE associations SET ending = 'lost', closed_at = ? WHERE closed_at IS NULL",
            closed_at,
        ).rowcount

    def add(self, arrival: Arrival, association: int) -> Filing:
        """File one instance. Sending the same bytes again adds no second row.

        Raises:
            StorageError: `keyset-changed`: it was sealed with a keyset that is not the study's, or
                that is wrapped by a key which was retired meanwhile.
        """
        if self.lives.is_retired(arrival.keyset.wrapped_by):
            raise StorageError("keyset-changed")
        self._execute(
            "INSERT INTO studies (study_key, life, wrapped_keyset, wrapped_by, created_at)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            arrival.study,
            arrival.keyset.life,
            arrival.keyset.wrapped,
            arrival.keyset.wrapped_by,
            arrival.received_at,
        )
        known = self.keyset(arrival.study)
        if known is None or known.life != arrival.keyset.life:
            raise StorageError("keyset-changed")
        self._execute(
            "INSERT INTO visits VALUES (?, ?) ON CONFLICT DO NOTHING",
            arrival.study,
            association,
        )
        digests = self._execute(
            "SELECT digest FROM instances WHERE instance_key = ?", arrival.instance
        ).fetchall()
        if any(row["digest"] == arrival.digest for row in digests):
            self.lives.unsettle(arrival.study)
            return Filing.IDENTICAL
        self._execute(
            "INSERT INTO instances (blob, study_key, series_key, instance_key, digest,"
            " sop_class_uid, transfer_syntax_uid, size, association, received_at, conflict)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arrival.blob,
            arrival.study,
            arrival.series,
            arrival.instance,
            arrival.digest,
            arrival.sop_class_uid,
            arrival.transfer_syntax_uid,
            arrival.size,
            association,
            arrival.received_at,
            bool(digests),
        )
        # A study with something new is not finished.
        self._execute(
            "UPDATE studies SET newest = last_insert_rowid(), images = images + 1,"
            " first = iif(images = 0, last_insert_rowid(), first), bytes = bytes + ?,"
            " received_at = ?, settled_s = NULL WHERE study_key = ?",
            arrival.size,
            arrival.received_at,
            arrival.study,
        )
        return Filing.CONFLICT if digests else Filing.NEW

    # --- the analyser's side ----------------------------------------------------------------------

    def keyset(self, study: StudyKey) -> StoredKeyset | None:
        """A study's keyset with its name; None for an unknown study."""
        row = self._execute(
            "SELECT life, wrapped_keyset, wrapped_by FROM studies WHERE study_key = ?", study
        ).fetchone()
        return None if row is None else StoredKeyset(row[0], bytes(row[1]), row[2])

    def wrapped_keyset(self, study: StudyKey) -> bytes | None:
        """What opens a study's blobs, wrapped by the master key; None for an unknown study."""
        found = self.keyset(study)
        return None if found is None else found.wrapped

    def studies_changed_since(self, instance_id: int) -> dict[StudyKey, int]:
        """Studies that got an instance numbered above this one, with their highest number."""
        rows = self._execute(
            "SELECT study_key, newest FROM studies WHERE newest > ? ORDER BY newest", instance_id
        )
        return {StudyKey(row["study_key"]): int(row["newest"]) for row in rows}

    def instances(self, study: StudyKey) -> tuple[SpooledInstance, ...]:
        """A study's instances, in the order in which they arrived; none that is quarantined."""
        rows = self._execute(
            "SELECT * FROM instances WHERE study_key = ? AND NOT quarantined ORDER BY id", study
        )
        return tuple(
            SpooledInstance(
                id=row["id"],
                blob=row["blob"],
                study=StudyKey(row["study_key"]),
                series=SeriesKey(row["series_key"]),
                instance=InstanceKey(row["instance_key"]),
                digest=row["digest"],
                sop_class_uid=row["sop_class_uid"],
                transfer_syntax_uid=row["transfer_syntax_uid"],
                size=row["size"],
                association=row["association"],
                received_at=row["received_at"],
            )
            for row in rows
        )

    def quarantined(self, study: StudyKey) -> tuple[int, ...]:
        """Numbers of the instances that were set aside and have not come again since."""
        rows = self._execute(
            "SELECT id FROM instances AS broken WHERE study_key = ? AND quarantined AND NOT EXISTS"
            " (SELECT 1 FROM instances AS sound WHERE sound.instance_key = broken.instance_key"
            "  AND NOT sound.quarantined) ORDER BY id",
            study,
        )
        return tuple(row["id"] for row in rows)

    def conflicting_ids(self, study: StudyKey) -> frozenset[int]:
        """Numbers of the instances that came under the UID of an earlier one with other bytes."""
        rows = self._execute("SELECT id FROM instances WHERE study_key = ? AND conflict", study)
        return frozenset(row["id"] for row in rows)

    def associations(self, study: StudyKey) -> tuple[AssociationRecord, ...]:
        """All associations that stored into this study, identical resends included."""
        rows = self._execute(
            "SELECT associations.* FROM associations JOIN visits ON association = id"
            " WHERE study_key = ? ORDER BY id",
            study,
        )
        return tuple(AssociationRecord(**dict(row)) for row in rows)

    def last_heard(self, calling_ae: str) -> float | None:
        """When a peer last opened an association in which it stored something; wall time."""
        row = self._execute(
            "SELECT max(opened_at) AS latest FROM associations WHERE calling_ae = ?", calling_ae
        ).fetchone()
        return None if row["latest"] is None else float(row["latest"])

    def last_study_from(self, calling_ae: str) -> tuple[int, StudyKey] | None:
        """A peer's newest association that stored something, and a study that it stored into."""
        row = self._execute(
            "SELECT association, study_key FROM visits JOIN associations ON association = id"
            " WHERE calling_ae = ? ORDER BY association DESC LIMIT 1",
            calling_ae,
        ).fetchone()
        return None if row is None else (int(row["association"]), StudyKey(row["study_key"]))

    def last_received_at(self, study: StudyKey) -> float | None:
        """When the study last got an instance that it did not have; wall time."""
        row = self._execute("SELECT received_at FROM studies WHERE study_key = ?", study).fetchone()
        return None if row is None else float(row["received_at"])

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise ledger_error(error) from error
