"""How the analyser and the deliverer let go of studies that have ended: each of its own ledger.

A study has ended when the unit before this one knows it no longer: the receiver's ledger for the
analyser, the analyser's for the deliverer. Whatever has not ended by itself stays all the same: an
alert must go out even if the ledger before it was lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.clock import Clock
from appliance.daemon.state import StateFolder
from appliance.domain import StudyKey
from appliance.errors import StorageError
from appliance.ledger.database import truncate_wal_of
from appliance.ledger.delivery import DeliveryLedger
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.settlement import Settlement
from appliance.ledger.work import WorkLedger
from appliance.storage import BlobStore

_LOOK_S: Final = 10.0
_AT_ONCE: Final = 20


class Seldom:
    """Does something every so often, asked from a loop that turns much faster.

    What fails is said, and tried again at the next time.
    """

    def __init__(self, do: Callable[[], None], clock: Clock) -> None:
        self._do = do
        self._clock = clock
        self._done_at = float("-inf")

    def __call__(self) -> None:
        """Do it if it is time."""
        now = self._clock.monotonic()
        if now - self._done_at < _LOOK_S:
            return
        self._done_at = now
        try:
            self._do()
        except (StorageError, sqlite3.Error, OSError) as error:
            code = error.code if isinstance(error, StorageError) else "storage-failed"
            journal.warn("forgetting-failed", code=code, reason=type(error).__name__)


class WorkForgetting:
    """The analyser's part. Used from its one thread."""

    def __init__(
        self, state: StateFolder, intake: IntakeLedger, work: WorkLedger, results: BlobStore
    ) -> None:
        self._state = state
        self._intake = intake
        self._work = work
        self._results = results
        self._is_wal_old = True

    def look(self) -> None:
        """Let go of what has ended. Raises StorageError or sqlite3.Error."""
        # In this order: no study of the analyser's is unknown to the receiver but one that ended.
        known = self._work.studies()
        self._let_go(known - self._intake.lives.living())
        if self._is_wal_old:
            self._is_wal_old = not truncate_wal_of(self._state.work)

    def end_former_life(self, study: StudyKey) -> bool:
        """Let go of what is known of a study that ended and has come anew; whether it is gone."""
        self._let_go(frozenset({study}))
        return self._work.latest(study) is None

    def _let_go(self, ended: frozenset[StudyKey]) -> None:
        if not ended:
            return
        with closing(Settlement(self._state.work, self._state.delivery)) as settlement:
            delivered = settlement.delivered()
            worked = settlement.worked()
        done = (
            study
            for study in ended
            if study not in worked
            or (not worked[study].under_way and delivered.ended.issuperset(worked[study].messages))
        )
        while batch := tuple(islice(done, _AT_ONCE)):
            # A kill between the two leaves files that the next start takes out.
            self._results.delete_all(self._work.forget(batch))
            self._is_wal_old = True


class DeliveryForgetting:
    """The deliverer's part. Used from its one thread."""

    def __init__(self, path: Path, ledger: DeliveryLedger, work: WorkLedger) -> None:
        self._path = path
        self._ledger = ledger
        self._work = work
        self._is_wal_old = True

    def look(self) -> None:
        """Let go of what has ended. Raises StorageError or sqlite3.Error."""
        ended = self._ledger.ended()
        gone = iter(ended - self._work.outbox_numbers())
        while batch := tuple(islice(gone, _AT_ONCE)):
            self._ledger.forget(batch)
            self._is_wal_old = True
        if self._is_wal_old:
            self._is_wal_old = not truncate_wal_of(self._path)


def sweep(results: BlobStore, work: WorkLedger) -> None:
    """Remove files that belong to no message.

    A killed analyser had made them for one that it never committed, or had forgotten that one.
    """
    results.sweep_incoming()
    posted = work.posted_blobs()
    results.delete_all(name for name in results.names() if name not in posted)
