"""One thread for each channel: a mail server that hangs must not delay the printer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from appliance.loops import Loop

Task = Callable[[], None]
_TASK_SECONDS: Final = 600.0
"""One sending, with all the deadlines of its protocol and a long page on a slow printer."""


class Worker:
    """Runs tasks one after the other on its own thread.

    The thread is a daemon: ending the process never waits for a dead peer. What was being sent then
    is in the ledger as begun, and is sent again.
    """

    def __init__(self, name: str, loop: Loop) -> None:
        self._loop = loop
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"deliver-{name}", daemon=True)
        self._thread.start()

    def submit(self, task: Task) -> None:
        """Queue a task; it must not raise."""
        self._tasks.put(task)

    def stop(self) -> None:
        """Take no further task; the present one may end."""
        with suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        self._tasks.put(None)

    def wait(self, seconds: float) -> None:
        """Give the present task that long to end, after `stop`."""
        self._thread.join(max(0.0, seconds))

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._loop.turned(_TASK_SECONDS)
            task()
            self._loop.rests()
