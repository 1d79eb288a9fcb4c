"""How slow a source may be: a whole deadline, a least rate, a longest silence.

What is too slow ends the attempt, never the partial file: a shared line of 64 kbit/s carries an
update over days, one attempt after the other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from appliance.clock import Clock
from appliance.errors import UpdateError


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and bytes for each second.

    deadline_s: for a whole attempt. least_rate: over each `window_s`, of each file. silence_s:
    until the next byte.
    """

    deadline_s: float = 3600.0
    least_rate: float = 256.0
    window_s: float = 60.0
    silence_s: float = 30.0


class Meter:
    """Holds the reading of one file to a pace.

    begun: when the whole attempt began, of which it is a part, by the monotonic clock.
    """

    def __init__(self, pace: Pace, clock: Clock, begun: float) -> None:
        self._pace = pace
        self._clock = clock
        self._begun = begun
        self._taken: deque[tuple[float, int]] = deque([(clock.monotonic(), 0)])
        self._total = 0

    def patience(self) -> float:
        """How long the next read may wait, in seconds.

        Raises:
            UpdateError: `update-source-slow`, the whole attempt has taken too long.
        """
        left = self._begun + self._pace.deadline_s - self._clock.monotonic()
        if left <= 0:
            raise UpdateError("update-source-slow", f"not done in {self._pace.deadline_s:g} s")
        return min(left, self._pace.silence_s)

    def took(self, count: int) -> None:
        """So many bytes have come.

        Raises:
            UpdateError: `update-source-slow`, fewer than the least rate over the window.
        """
        now = self._clock.monotonic()
        self._total += count
        self._taken.append((now, self._total))
        since = now - self._pace.window_s
        while len(self._taken) > 1 and self._taken[1][0] <= since:
            self._taken.popleft()
        begin, before = self._taken[0]
        span = now - begin
        if span >= self._pace.window_s and self._total - before < self._pace.least_rate * span:
            rate = (self._total - before) / span
            raise UpdateError("update-source-slow", f"{rate:.0f} bytes a second")
