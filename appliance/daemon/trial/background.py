"""One job at a time beside the analyser's loop, on a thread of its own, cut short at any time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import OsteonError, place_of


class Job(Protocol):
    """Work that touches no ledger and no slot: it only finds something out."""

    def run(self) -> object:
        """Find it out. May raise OsteonError."""

    def cut(self) -> None:
        """From another thread: end `run` as soon as may be; it may also come before or after."""


@dataclass(frozen=True, slots=True)
class Done:
    """A job that has ended. was_cut: what it returned or raised says nothing then."""

    job: Job
    value: object = None
    error: OsteonError | None = None
    was_cut: bool = False


class Background:
    """Runs jobs for the analyser. All of it belongs to the analyser's main thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "beside")
        self._job: Job | None = None
        self._future: Future[object] | None = None
        self._was_cut = False

    @property
    def job(self) -> Job | None:
        """What was begun and has not been taken."""
        return self._job

    def is_busy(self) -> bool:
        """Whether a job was begun and its end has not been taken."""
        return self._future is not None

    def begin(self, job: Job) -> None:
        """Run a job; only while `is_busy` is false."""
        self._job, self._was_cut = job, False
        self._future = self._pool.submit(self._run, job)

    def cut(self) -> None:
        """End what runs; its `Done` is still to be taken."""
        if self._job is not None and not self._was_cut:
            self._was_cut = True
            self._job.cut()

    def take(self) -> Done | None:
        """The job that has ended, once; None while it runs, and where there is none."""
        job, future = self._job, self._future
        if job is None or future is None or not future.done():
            return None
        self._job = self._future = None
        error = future.exception()
        if error is None:
            return Done(job, future.result(), was_cut=self._was_cut)
        if not isinstance(error, OsteonError):
            error = OsteonError("trial-failed", place_of(error))
        return Done(job, error=error, was_cut=self._was_cut)

    def _run(self, job: Job) -> object:
        return None if self._was_cut else job.run()

    def close(self) -> None:
        """Cut what runs and wait for its end."""
        self.cut()
        self._pool.shutdown()
