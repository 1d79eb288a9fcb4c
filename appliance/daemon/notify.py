"""What a role tells systemd: that it is ready, in words, and that all of its loops turn.

Outside systemd (`osteon run`) there is no NOTIFY_SOCKET, and nothing is sent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Final

from systemd import daemon

from appliance import journal
from appliance.clock import Clock
from appliance.loops import Loops

_LOOKS_A_PERIOD: Final = 3
"""How often the watchdog is fed in the time after which systemd would kill the role."""


class Notifier:
    """Speaks to the service manager for one role."""

    def __init__(self, loops: Loops, clock: Clock) -> None:
        self._loops = loops
        self._clock = clock
        self._stop = threading.Event()
        self._feeding: threading.Thread | None = None

    def ready(self, text: str) -> None:
        """The role works; from now on the watchdog is fed while every loop turns.

        text: one sentence for `systemctl status`. It never holds anything of a patient.
        """
        daemon.notify(f"READY=1\nSTATUS={text}")
        seconds = watchdog_seconds(os.environ)
        if seconds is not None and self._feeding is None:
            self._feeding = threading.Thread(
                target=self._feed, args=(seconds / _LOOKS_A_PERIOD,), name="watchdog"
            )
            self._feeding.start()

    def close(self) -> None:
        """The role ends."""
        self._stop.set()
        if self._feeding is not None:
            self._feeding.join()

    def _feed(self, seconds: float) -> None:
        while not self._clock.wait(self._stop, seconds):
            if overdue := self._loops.overdue():
                journal.fail("loop-overdue", stage=", ".join(overdue))
            else:
                daemon.notify("WATCHDOG=1")


def watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """After how long without a sign systemd kills this process; None where it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
