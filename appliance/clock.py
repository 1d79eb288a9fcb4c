"""Time, through one port: wall time is for people and records, monotonic time for every timer."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading


class Clock(Protocol):
    """What a stage may ask of time."""

    def now(self) -> float:
        """Seconds since 1970, UTC. May jump: never subtract two of these to time something."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the seconds are over; True when it was set."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """See `Clock.now`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Clock.monotonic`. It goes on while the machine is suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """See `Clock.wait`."""
        return event.wait(max(0.0, seconds))


def set_local_zone(name: str) -> None:
    """Make a zone of the IANA list the local time of this process."""
    os.environ["TZ"] = name
    time.tzset()
