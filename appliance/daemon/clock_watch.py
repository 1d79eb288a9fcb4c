"""What can be known of this machine's clock: whether a server keeps it, and whether it was moved.

systemd's own word is asked, not the kernel's: a unit with `ProtectClock=` may not ask the kernel.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from appliance.clock import Clock

_SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")
_ASK: Final = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
_ASK_SECONDS: Final = 10.0
_REMEMBER_S: Final = 3600.0
_STEP_S: Final = 1.0
"""A time server slews away less than this; more between two looks was a step."""


def is_synchronised() -> bool | None:
    """Whether a time server keeps the clock; None where the system does not say."""
    if _SYNCHRONISED.exists():
        return True
    try:
        done = subprocess.run(
            _ASK, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"yes": True, "no": False}.get(done.stdout.strip())


class ClockWatch:
    """Holds wall time against monotonic time, and remembers for an hour what it saw."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()
        self._jumped_s = 0.0
        self._jumped_at = 0.0
        self._alone_since: float | None = None

    def jumped_s(self) -> float:
        """By how many seconds the clock was moved in the last hour; forward is positive."""
        now = self._clock.monotonic()
        offset = self._clock.now() - now
        step, self._offset = offset - self._offset, offset
        if now - self._jumped_at > _REMEMBER_S:
            self._jumped_s = 0.0
        if abs(step) >= _STEP_S:
            self._jumped_s += step
            self._jumped_at = now
        return self._jumped_s

    def unsynchronised_s(self, *, synchronised: bool | None) -> float | None:
        """For how long the clock has been without a server, as far as this process has seen."""
        now = self._clock.monotonic()
        if synchronised is not False:
            self._alone_since = None
            return None
        if self._alone_since is None:
            self._alone_since = now
        return now - self._alone_since
