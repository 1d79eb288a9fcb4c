"""Signs of life: what each loop of a process promises, and whether all keep their promise.

A loop says at every turn by when it will turn again. One that idles turns all the same, one with a
job in hand says how long the job may take, and says it anew at each step of the job. Whoever feeds
a watchdog asks `overdue`; nothing here looks alive merely because time passes.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from appliance.clock import Clock

IDLE_SECONDS: Final = 5.0
"""How long a loop may wait for something to do before it turns."""
_TURN_SECONDS: Final = 60.0
"""What a turn may take that has no job of a known length: a busy disk, a loaded processor."""


class Loop:
    """One loop's promise. Its own thread writes it, any thread reads it."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._due = math.inf

    def turned(self, seconds: float = _TURN_SECONDS) -> None:
        """The loop is alive, and will say so again within so many seconds."""
        self._due = self._clock.monotonic() + seconds

    def rests(self) -> None:
        """Nothing is in hand, and nothing is promised until the next `turned`."""
        self._due = math.inf

    @property
    def is_overdue(self) -> bool:
        """Whether the promise was broken."""
        return self._clock.monotonic() > self._due


class Loops:
    """All loops of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._loops: list[Loop] = []

    def add(self, name: str) -> Loop:
        """A further loop; it promises nothing before its first turn."""
        loop = Loop(name, self._clock)
        with self._lock:
            self._loops.append(loop)
        return loop

    def overdue(self) -> tuple[str, ...]:
        """The names of the loops that broke their promise."""
        with self._lock:
            return tuple(loop.name for loop in self._loops if loop.is_overdue)
