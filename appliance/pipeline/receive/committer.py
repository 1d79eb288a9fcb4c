"""One thread that owns the intake ledger and commits what all associations wait for, together.

Each caller is blocked until its change is durable, so a batch is whatever came in while the batch
before it was being written: under load many changes share one sync, alone one waits for nothing.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

from appliance import journal
from appliance.errors import OsteonError, StorageError
from appliance.loops import IDLE_SECONDS, Loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.ledger.intake import IntakeLedger

_T = TypeVar("_T")
_HARMLESS: Final = frozenset({"disk-full", "keyset-changed"})
"""Failures that leave the disk trustworthy: what was synced before them is still there."""


class _Change:
    """One caller's change, and where it waits for the result."""

    def __init__(self, apply: Callable[[IntakeLedger], object]) -> None:
        self.apply = apply
        self.done: Future[object] = Future()


class Committer:
    """Group commit. `failure` is set for good once the disk has failed: nothing is acknowledged.

    After a failed sync the kernel may drop the pages and report the next one as successful, so
    only a new process on a checked disk may acknowledge again.
    """

    def __init__(self, ledger: IntakeLedger, loop: Loop) -> None:
        self._ledger = ledger
        self._loop = loop
        self._queue: SimpleQueue[_Change | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="committer")
        self.failure: StorageError | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what is waiting, then end. Nobody may commit afterwards."""
        self._queue.put(None)
        self._thread.join()

    def commit(self, apply: Callable[[IntakeLedger], _T]) -> _T:
        """Carry out a change and return its result once it is durable.

        Raises:
            StorageError: it is not, and has left nothing in the ledger.
        """
        self.refuse_after_failure()
        change = _Change(apply)
        self._queue.put(change)
        try:
            return change.done.result()  # type: ignore[return-value]  # what `apply` returned
        except StorageError as error:
            self.note(error)
            raise

    def note(self, error: StorageError) -> None:
        """Take notice of a failure anywhere on the way to the disk."""
        if error.code not in _HARMLESS and self.failure is None:
            self.failure = error
            journal.fail("receiver-stops-acknowledging", code=error.code, reason=error.detail)

    def refuse_after_failure(self) -> None:
        """Raise the StorageError that made the disk untrustworthy, if one did."""
        if self.failure is not None:
            raise StorageError(self.failure.code, self.failure.detail)

    def _run(self) -> None:
        going_on = True
        while going_on:
            self._loop.turned()
            batch, going_on = self._next_batch()
            self._write(batch)
        self._loop.rests()

    def _next_batch(self) -> tuple[list[_Change], bool]:
        batch: list[_Change] = []
        try:
            item = self._queue.get(timeout=IDLE_SECONDS)
            while item is not None:
                batch.append(item)
                item = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _write(self, batch: list[_Change]) -> None:
        if not batch:
            return
        results: list[tuple[_Change, object]] = []
        try:
            with self._ledger.transaction():
                for change in batch:
                    try:
                        with self._ledger.part():
                            results.append((change, change.apply(self._ledger)))
                    except OsteonError as error:
                        results.append((change, error))
        except Exception as error:  # noqa: BLE001 - raised again in every caller; this thread goes on
            results = [(change, error) for change in batch]
        for change, result in results:
            if isinstance(result, Exception):
                change.done.set_exception(result)
            else:
                change.done.set_result(result)
