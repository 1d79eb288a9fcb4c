"""What the receiver does to its own ledger and spool beside receiving: it is their only writer.

Each step is small and ends in a state from which it can be taken up again, so that a kill at any
instant costs nothing, and whoever stores an image meanwhile waits for one short change at most.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from appliance import journal
from appliance.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.domain import StudyKey
    from appliance.ledger.intake import IntakeLedger
    from appliance.ledger.lives import TimeMark
    from appliance.pipeline.receive.committer import Committer
    from appliance.pipeline.receive.keysets import Keysets
    from appliance.sealing import MasterKey
    from appliance.storage import BlobStore

_AT_ONCE: Final = 50
"""Rows in one change: some milliseconds."""
_NAMES_AT_ONCE: Final = 500


class Upkeep:
    """Ends studies, deletes their files, renews what wraps the others. One thread uses it."""

    def __init__(
        self, master: MasterKey, keysets: Keysets, committer: Committer, store: BlobStore
    ) -> None:
        self._master = master
        self._keysets = keysets
        self._committer = committer
        self._store = store
        self._stray: frozenset[str] = frozenset()

    # Every method raises StorageError when the disk fails.

    def keep_time(self, mark: TimeMark) -> None:
        """Bring an instant of lived time to the medium."""
        self._committer.commit(lambda ledger: ledger.lives.keep_time(mark))

    def settle(self, finished: Iterable[tuple[StudyKey, int]], seconds: float) -> None:
        """Note that studies, with nothing after these instances, were finished at this second."""
        every = iter(finished)
        while batch := tuple(islice(every, _AT_ONCE)):
            self._committer.commit(partial(_settle, batch, seconds))

    def end(self, study: StudyKey, newest: int) -> bool:
        """Destroy a study's keyset and rows, if it has nothing after this instance.

        False where it came to life again: then nothing was done.
        """
        with self._keysets.ending(study) as may_end:
            return may_end and self._committer.commit(
                lambda ledger: ledger.lives.end(study, newest)
            )

    def bury(self) -> bool:
        """Delete some files of studies that have ended; whether there may be more."""
        doomed = self._committer.commit(lambda ledger: ledger.lives.doomed(_AT_ONCE))
        if not doomed:
            return False
        self._store.delete_all(doomed)
        self._committer.commit(lambda ledger: ledger.lives.bury(doomed))
        return True

    def quarantine(self, instance: int) -> None:
        """Set an instance aside that cannot be opened, so that its like may come again."""
        if self._committer.commit(lambda ledger: ledger.lives.quarantine(instance)):
            journal.warn("instance-quarantined", count=1)

    def wrap_anew(self) -> bool:
        """Wrap some keysets by the present key; whether there may be more.

        When none is left that another key wraps, the former keys are retired in the ledger.
        """
        self._master.renew()
        key = self._master.wrapping_key
        outdated = self._committer.commit(
            lambda ledger: ledger.lives.wrapped_otherwise(key, _AT_ONCE)
        )
        renewed = [(study, before, self._wrapped_anew(study, before)) for study, before in outdated]

        def change(ledger: IntakeLedger) -> None:
            for study, before, after in renewed:
                ledger.lives.wrap_anew(study, before, after, key)

        if renewed:
            self._committer.commit(change)
            return True
        self._retire_former(key)
        return False

    def _wrapped_anew(self, study: StudyKey, before: bytes) -> bytes:
        try:
            return self._master.wrap_anew(study, before)
        except StorageError as error:
            # No key of this box opens it: none is kept for its sake.
            journal.fail("keyset-unreadable", code=error.code)
            return before

    def _retire_former(self, key: int) -> None:
        former = self._master.former_keys

        def change(ledger: IntakeLedger) -> bool:
            lives = ledger.lives
            if lives.sole_wrapping_key() == key or lives.wrapped_otherwise(key, 1):
                return False
            lives.retire(former, key)
            return True

        if self._keysets.all_wrapped_by(key) and self._committer.commit(change) and former:
            journal.event("keysets-wrapped-anew", count=len(former))

    def sweep_strays(self) -> int:
        """Delete files that no row names, and none named at the last call either; how many.

        A kill between a file and its row leaves one. What is being stored just now is younger than
        one call, so the caller sets the age by how seldom it calls.
        """
        unnamed: frozenset[str] = frozenset()
        names = self._store.names()
        while batch := tuple(islice(names, _NAMES_AT_ONCE)):
            unnamed |= self._committer.commit(partial(_unknown_to, batch))
        strays = unnamed & self._stray
        self._store.delete_all(strays)
        self._stray = unnamed - strays
        if strays:
            journal.warn("stray-files-deleted", count=len(strays))
        return len(strays)


def _settle(batch: tuple[tuple[StudyKey, int], ...], seconds: float, ledger: IntakeLedger) -> None:
    for study, newest in batch:
        ledger.lives.settle(study, newest, seconds)


def _unknown_to(names: tuple[str, ...], ledger: IntakeLedger) -> frozenset[str]:
    return frozenset(name for name in names if not ledger.lives.knows(name))
