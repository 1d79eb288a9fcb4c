"""Times as alerts and reports show them."""

from __future__ import annotations

from datetime import UTC, datetime


def local_time(moment: float) -> str:
    """Wall time at the site with its offset; an impossible clock becomes a visible dash."""
    try:
        local = datetime.fromtimestamp(moment, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return "-"
    return local.isoformat(sep=" ", timespec="seconds")
