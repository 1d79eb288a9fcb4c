"""How each ledger is opened: SQLite that survives a power cut and forgets what is deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from appliance.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_SECONDS = 15.0
_TRUNCATING_SECONDS = 0.25
"""A checkpoint that waits longer would hold up whoever writes; it is tried again later."""
_UNREADABLE_WAL = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY_DIRECTORY})
"""The writing unit closed its ledger, and a reader that may not write there cannot make the WAL."""


def open_database(
    path: Path, schema: tuple[str, ...] | None, *, read_only: bool = False
) -> sqlite3.Connection:
    """Open a ledger; the writing unit creates and migrates it, the others only read.

    schema: one SQL script for each version, in order; the last version reached is kept in
    `user_version`. None: whatever is there, for reading. WAL with synchronous=FULL: NORMAL loses
    commits on a power cut.

    Raises:
        StorageError: `ledger-missing` (nothing there to read yet), `ledger-newer` (a later release
            wrote it), `ledger-broken`.
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
            if schema is not None and _version(database, path, schema) < len(schema):
                database.close()
                raise StorageError("ledger-missing", f"{path.name} is still an older one")
        else:
            schema = schema or ()
            # Before the first change: a release that was taken back must not write into it.
            version = _version(database, path, schema)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA secure_delete=ON")
            database.execute("PRAGMA foreign_keys=ON")
            _migrate(database, schema, version)
    except sqlite3.DatabaseError as error:
        if read_only and getattr(error, "sqlite_errorcode", None) in _UNREADABLE_WAL:
            raise StorageError("ledger-missing", f"{path.name} is not in use") from error
        raise ledger_error(error, path.name) from error
    return database


def _version(database: sqlite3.Connection, path: Path, schema: tuple[str, ...]) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(schema):
        database.close()
        detail = f"{path.name} has version {version}, this release knows {len(schema)}"
        raise StorageError("ledger-newer", detail)
    return int(version)


def _migrate(database: sqlite3.Connection, schema: tuple[str, ...], version: int) -> None:
    for number, script in enumerate(schema[version:], start=version + 1):
        database.executescript(f"BEGIN;{script};PRAGMA user_version={number};COMMIT;")


def close_database(database: sqlite3.Connection, *, read_only: bool) -> None:
    """Give a ledger back. The writer leaves an empty WAL, even where others still read."""
    if not read_only:
        with suppress(sqlite3.Error):
            truncate_wal(database)
    database.close()


def truncate_wal(database: sqlite3.Connection) -> bool:
    """Bring the WAL into the database and cut it to nothing, with what was deleted in it.

    False where somebody was reading: then some other time. Not within a transaction. A connection
    of its own is best: whoever writes on another one waits a moment at most.
    """
    database.execute(f"PRAGMA busy_timeout={_TRUNCATING_SECONDS * 1000:.0f}")
    (busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def truncate_wal_of(path: Path) -> bool:
    """`truncate_wal` over a connection of its own. Raises StorageError."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            return truncate_wal(database)
    except sqlite3.Error as error:
        raise ledger_error(error, path.name) from error


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
