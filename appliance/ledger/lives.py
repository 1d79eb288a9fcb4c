"""The studies in `intake.db` as lives: how each is kept, and how it ends.

A study lives as long as its row holds its wrapped keyset. Ending it takes that row and everything
else of it in one transaction; the files, which nobody can open any more, follow from a list. Other
units then let go of what belongs to no living study.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.domain import StudyKey

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Life:
    """One study of which something is kept.

    first, newest: numbers of its instances; a number is never given twice. settled_s: the second of
    lived time at which it was first seen with nothing left to do; None until then.
    """

    study: StudyKey
    first: int
    newest: int
    images: int
    bytes: int
    received_at: float
    settled_s: float | None


@dataclass(frozen=True, slots=True)
class TimeMark:
    """An instant of lived time, and what both clocks showed then."""

    seconds: float
    monotonic: float
    wall: float


class Lives:
    """A part of `IntakeLedger`, with its rules: one thread, and changes within a transaction.

    execute: runs one statement on the ledger.
    """

    def __init__(self, execute: Callable[..., sqlite3.Cursor]) -> None:
        self._execute = execute

    # --- how studies are kept ---------------------------------------------------------------------

    def all(self) -> tuple[Life, ...]:
        """Every study, the earliest first."""
        rows = self._execute(
            "SELECT study_key, first, newest, images, bytes, received_at, settled_s FROM studies"
            " ORDER BY newest"
        )
        return tuple(Life(*row) for row in rows)

    def living(self) -> frozenset[StudyKey]:
        """The studies that can still be opened."""
        return frozenset(row[0] for row in self._execute("SELECT study_key FROM studies"))

    def first_instance(self, study: StudyKey) -> int | None:
        """The number of the first instance of its present life; None where it has none."""
        row = self._execute("SELECT first FROM studies WHERE study_key = ?", study).fetchone()
        return None if row is None else int(row["first"])

    def settle(self, study: StudyKey, newest: int, seconds: float) -> None:
        """Note that a study is finished, unless something came after that instance."""
        self._execute(
            "UPDATE studies SET settled_s = ? WHERE study_key = ? AND newest = ?"
            " AND settled_s IS NULL",
            seconds,
            study,
            newest,
        )

    def unsettle(self, study: StudyKey) -> None:
        """A study is being sent again: its time of keeping begins anew when that is over."""
        self._execute(
            "UPDATE studies SET settled_s = NULL WHERE study_key = ? AND settled_s IS NOT NULL",
            study,
        )

    def keep_time(self, mark: TimeMark) -> None:
        """Remember how much time was lived."""
        self._execute(
            "INSERT OR REPLACE INTO lived_time VALUES (1, ?, ?, ?)",
            mark.seconds,
            mark.monotonic,
            mark.wall,
        )

    def last_time(self) -> TimeMark | None:
        """What `keep_time` kept last."""
        row = self._execute("SELECT seconds, monotonic, wall FROM lived_time").fetchone()
        return None if row is None else TimeMark(*row)

    # --- how a study ends -------------------------------------------------------------------------

    def end(self, study: StudyKey, newest: int) -> bool:
        """Destroy a study's keyset and every row of it; its files are doomed.

        Nothing is done, and False returned, if it has an instance after `newest`, is not settled,
        or an association is open that sends it again.
        """
        may_end = self._execute(
            "SELECT 1 FROM studies WHERE study_key = ?1 AND newest = ?2 AND settled_s IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM visits JOIN associations ON association = id"
            " WHERE study_key = ?1 AND closed_at IS NULL)",
            study,
            newest,
        ).fetchone()
        if may_end is None:
            return False
        self._execute(
            "INSERT OR IGNORE INTO doomed SELECT blob FROM instances WHERE study_key = ?", study
        )
        visited = [
            row[0]
            for row in self._execute("SELECT association FROM visits WHERE study_key = ?", study)
        ]
        for table in ("visits", "instances", "studies"):
            self._execute(f"DELETE FROM {table} WHERE study_key = ?", study)  # noqa: S608 - only the literals above
        for association in visited:
            # A peer's last one stays: it says when it was last heard.
            self._execute(
                "DELETE FROM associations WHERE id = ? AND closed_at IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM visits WHERE association = associations.id) AND EXISTS"
                " (SELECT 1 FROM associations AS later WHERE later.id > associations.id"
                "  AND later.calling_ae = associations.calling_ae)",
                association,
            )
        return True

    def doomed(self, limit: int) -> tuple[str, ...]:
        """Files that are to be deleted; nothing names them but this list."""
        rows = self._execute("SELECT blob FROM doomed LIMIT ?", limit)
        return tuple(row[0] for row in rows)

    def bury(self, blobs: Iterable[str]) -> None:
        """These files are deleted."""
        for blob in blobs:
            self._execute("DELETE FROM doomed WHERE blob = ?", blob)

    def knows(self, blob: str) -> bool:
        """Whether a row names this file."""
        row = self._execute(
            "SELECT 1 FROM instances WHERE blob = ?1"
            " UNION ALL SELECT 1 FROM doomed WHERE blob = ?1",
            blob,
        ).fetchone()
        return row is not None

    def quarantine(self, instance: int) -> bool:
        """Set an instance aside that cannot be opened; the same bytes may then come again.

        Returns whether this changed anything. The file stays, and goes with its study.
        """
        changed = self._execute(
            "UPDATE instances SET quarantined = 1, digest = 'quarantined:' || id || ':' || digest"
            " WHERE id = ? AND NOT quarantined",
            instance,
        )
        return changed.rowcount > 0

    # --- what wraps the keysets -------------------------------------------------------------------

    def wrapped_otherwise(self, key: int, limit: int) -> tuple[tuple[StudyKey, bytes], ...]:
        """Some studies whose keysets are wrapped by any other key, with these wrapped keysets."""
        rows = self._execute(
            "SELECT study_key, wrapped_keyset FROM studies WHERE wrapped_by <> ? LIMIT ?",
            key,
            limit,
        )
        return tuple((StudyKey(row[0]), bytes(row[1])) for row in rows)

    def wrap_anew(self, study: StudyKey, before: bytes, after: bytes, key: int) -> None:
        """The same keyset, wrapped by another key; unless the study's keyset is another one now."""
        self._execute(
            "UPDATE studies SET wrapped_keyset = ?, wrapped_by = ? WHERE study_key = ?"
            " AND wrapped_keyset = ?",
            after,
            key,
            study,
            before,
        )

    def retire(self, former: Iterable[int], key: int) -> None:
        """Every keyset is wrapped by this key; the former ones may never wrap again."""
        for one in former:
            self._execute("INSERT OR REPLACE INTO wrapping VALUES (?, 1)", one)
        self._execute("DELETE FROM wrapping WHERE NOT retired")
        self._execute("INSERT OR REPLACE INTO wrapping VALUES (?, 0)", key)

    def sole_wrapping_key(self) -> int | None:
        """The key that `retire` left in use; None where it was never called."""
        row = self._execute("SELECT key FROM wrapping WHERE NOT retired").fetchone()
        return None if row is None else int(row["key"])

    def is_retired(self, key: int) -> bool:
        """Whether `retire` has named this key among the former ones."""
        row = self._execute("SELECT 1 FROM wrapping WHERE key = ? AND retired", key).fetchone()
        return row is not None
