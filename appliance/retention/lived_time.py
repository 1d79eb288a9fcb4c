"""How long the box has lived: a clock for keeping, which a wrong wall clock cannot hurry.

It counts monotonic time while the box is on, over restarts of the unit too. Of the time in which
the machine was off, only the wall clock knows: it is believed for a day at most. So a clock that
stands at 2099 after a start makes studies a day older, and one that jumps while the box runs does
nothing at all. A box that was off for a month keeps its studies for so much longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appliance.ledger.lives import TimeMark

if TYPE_CHECKING:
    from appliance.clock import Clock

DAY_S: Final = 86_400.0


class LivedTime:
    """Seconds that the box has lived. last: what was recorded before, None on a new box."""

    def __init__(self, clock: Clock, last: TimeMark | None) -> None:
        self._clock = clock
        self._offset = _seconds_until_now(clock, last) - clock.monotonic()

    def now(self) -> float:
        """This instant."""
        return self._clock.monotonic() + self._offset

    def mark(self) -> TimeMark:
        """This instant, to be recorded."""
        return TimeMark(self.now(), self._clock.monotonic(), self._clock.now())


def _seconds_until_now(clock: Clock, last: TimeMark | None) -> float:
    if last is None:
        return 0.0
    monotonic = clock.monotonic()
    # Less than before: the machine was started meanwhile, at least so long ago.
    passed = monotonic - last.monotonic if monotonic >= last.monotonic else monotonic
    off = min(max(clock.now() - last.wall, 0.0), DAY_S)
    return last.seconds + max(passed, off)
