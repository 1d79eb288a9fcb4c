"""A clock that a test moves."""

from __future__ import annotations

from appliance.clock import SystemClock


class ManualClock(SystemClock):
    """Both times stand still until `advance`; waiting is real."""

    def __init__(self, now: float = 1_780_000_000.0) -> None:
        self._now = now
        self._steady = 1000.0

    def now(self) -> float:
        """Wall seconds."""
        return self._now

    def monotonic(self) -> float:
        """Steady seconds."""
        return self._steady

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._steady += seconds
