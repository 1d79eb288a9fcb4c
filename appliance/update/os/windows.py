"""When a site lets its box restart by itself; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time


@dataclass(frozen=True, slots=True)
class Window:
    """Local times of day; one that ends before it begins runs over midnight."""

    begin: time
    end: time

    def holds(self, now: float) -> bool:
        """Whether the wall second `now` lies in it, by this machine's time zone."""
        local = datetime.fromtimestamp(now, UTC).astimezone().time()
        if self.begin <= self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end
