"""The tables of `work.db`: one script for each version, in order."""

from __future__ import annotations

from typing import Final

SCHEMA: Final = (
    """
    CREATE TABLE revisions (
      study TEXT NOT NULL, revision INTEGER NOT NULL, "case" TEXT NOT NULL,
      state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
      through INTEGER NOT NULL, opened_at REAL NOT NULL, changed_at REAL NOT NULL,
      outcome TEXT, reason TEXT, PRIMARY KEY (study, revision)) WITHOUT ROWID;
    CREATE INDEX unfinished ON revisions (state) WHERE state <> 'reported';
    CREATE INDEX cases ON revisions ("case");
    CREATE TABLE stage_values (
      study TEXT NOT NULL, revision INTEGER NOT NULL, state TEXT NOT NULL, sealed BLOB NOT NULL,
      PRIMARY KEY (study, revision, state)) WITHOUT ROWID;
    CREATE TABLE events (
      id INTEGER PRIMARY KEY, study TEXT NOT NULL, revision INTEGER NOT NULL, at REAL NOT NULL,
      name TEXT NOT NULL, fields TEXT NOT NULL);
    CREATE INDEX events_of ON events (study);
    CREATE TABLE outbox (
      id INTEGER PRIMARY KEY, study TEXT NOT NULL, revision INTEGER NOT NULL, "case" TEXT NOT NULL,
      kind TEXT NOT NULL, created_at REAL NOT NULL, summary BLOB, blobs TEXT NOT NULL);
    CREATE INDEX outbox_of ON outbox (study);
    CREATE TABLE own_objects (instance TEXT PRIMARY KEY, study TEXT NOT NULL) WITHOUT ROWID;
    """,
    "ALTER TABLE revisions ADD COLUMN phantom INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE models (
      name TEXT PRIMARY KEY, version TEXT NOT NULL, digest TEXT NOT NULL, code TEXT NOT NULL,
      detail TEXT NOT NULL, runtime TEXT NOT NULL, device TEXT NOT NULL, ran_at REAL) WITHOUT ROWID;
    CREATE INDEX ended ON revisions (changed_at) WHERE state = 'reported';
    """,
    # Studies come and go: a number that was given once must never mean something else.
    """
    CREATE TABLE kept_events (
      id INTEGER PRIMARY KEY AUTOINCREMENT, study TEXT NOT NULL, revision INTEGER NOT NULL,
      at REAL NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL);
    INSERT INTO kept_events SELECT id, study, revision, at, name, fields FROM events;
    DROP TABLE events;
    ALTER TABLE kept_events RENAME TO events;
    CREATE INDEX events_of ON events (study);
    CREATE TABLE kept_outbox (
      id INTEGER PRIMARY KEY AUTOINCREMENT, study TEXT NOT NULL, revision INTEGER NOT NULL,
      "case" TEXT NOT NULL, kind TEXT NOT NULL, created_at REAL NOT NULL, summary BLOB,
      blobs TEXT NOT NULL);
    INSERT INTO kept_outbox
      SELECT id, study, revision, "case", kind, created_at, summary, blobs FROM outbox;
    DROP TABLE outbox;
    ALTER TABLE kept_outbox RENAME TO outbox;
    CREATE INDEX outbox_of ON outbox (study);
    CREATE INDEX own_objects_of ON own_objects (study);
    CREATE INDEX newest ON revisions (opened_at);
    CREATE TABLE broken (instance INTEGER PRIMARY KEY, study TEXT NOT NULL, code TEXT NOT NULL);
    """,
)
