"""Steady seconds: a clock for deliveries that neither a wrong wall clock nor a restart can upset.

It counts monotonic time while the deliverer runs. Over a restart it goes on from the last recorded
instant and adds what the wall clock says has passed, held between nothing and an hour: a clock set
ten years forward cannot fire every deadline at once, one set back cannot silence an alert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appliance.ledger.delivery import Moment

if TYPE_CHECKING:
    from appliance.clock import Clock

_LONGEST_GAP_S: Final = 3600.0


class SteadyTime:
    """Instants on both clocks."""

    def __init__(self, clock: Clock, last: Moment | None) -> None:
        self._clock = clock
        start = Moment(0.0, clock.now()) if last is None else last
        gap = min(max(clock.now() - start.wall, 0.0), _LONGEST_GAP_S)
        self._offset = start.steady + gap - clock.monotonic()

    def now(self) -> Moment:
        """This instant."""
        return Moment(self._clock.monotonic() + self._offset, self._clock.now())
