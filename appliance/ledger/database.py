"""How each ledger is opened: SQLite that survives a power cut and forgets what is deleted."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from appliance.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_SECONDS = 15.0
_UNREADABLE_WAL = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY_DIRECTORY})
"""The writing unit closed its ledger, and a reader that may not write there cannot make the WAL."""


def open_database(
    path: Path, schema: tuple[str, ...], *, read_only: bool = False
) -> sqlite3.Connection:
    """Open a ledger; the writing unit creates and migrates it, the others only read.

    schema: one SQL script for each version, in order; the last version reached is kept in
    `user_version`. WAL with synchronous=FULL: NORMAL loses commits on a power cut.

    Raises:
        StorageError: `ledger-missing` (nothing there to read yet), `ledger-broken`.
    """
    if read_only and not path.exists():
        raise StorageError("ledger-missing", path.name)
    try:
        database = sqlite3.connect(
            path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        database.row_factory = sqlite3.Row
        if read_only:
            # Not `mode=ro`, with which a process that may write the folder (root, `osteon run`)
            # could not make a missing WAL. Another unit may not: it reads what the writer made.
            database.execute("PRAGMA query_only=ON")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version < len(schema):
                database.close()
                raise StorageError("ledger-missing", f"{path.name} is still an older one")
        else:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA secure_delete=ON")
            database.execute("PRAGMA foreign_keys=ON")
            _migrate(database, schema)
    except sqlite3.DatabaseError as error:
        if read_only and getattr(error, "sqlite_errorcode", None) in _UNREADABLE_WAL:
            raise StorageError("ledger-missing", f"{path.name} is not in use") from error
        raise ledger_error(error, path.name) from error
    return database


def _migrate(database: sqlite3.Connection, schema: tuple[str, ...]) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(schema[version:], start=version + 1):
        database.executescript(f"BEGIN;{script};PRAGMA user_version={number};COMMIT;")


def ledger_error(error: sqlite3.Error, ledger: str = "") -> StorageError:
    """The technician's view of an SQLite error."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return StorageError("disk-full", ledger)
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StorageError("ledger-broken", ledger)
    return StorageError("storage-failed", getattr(error, "sqlite_errorname", ledger))


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One atomic, durable change; rolled back when anything in it fails."""
    try:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
    except sqlite3.Error as error:
        raise ledger_error(error) from error
