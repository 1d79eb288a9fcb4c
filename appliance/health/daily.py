"""When the daily report is due."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta


def is_due(now: float, last: float, at: time) -> bool:
    """Whether a report is to be sent at the wall second `now`.

    last: wall second of the last report, or of the box's first start. at: local time of day. A
    report that was missed is made up for once. A clock that was set back does not silence it.
    """
    try:
        local = datetime.fromtimestamp(now, UTC).astimezone()
        planned = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        if planned > local:
            planned -= timedelta(days=1)
        return last > now or last < planned.timestamp()
    except (OverflowError, ValueError, OSError):
        return False  # a clock beyond all years is told by itself
