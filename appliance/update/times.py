"""Times as the repository writes them: ISO 8601, UTC, whole seconds, ending in Z."""

from __future__ import annotations

from datetime import UTC, datetime


def to_iso(seconds: float) -> str:
    """From wall seconds since 1970."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_iso(text: str) -> float:
    """Wall seconds since 1970. Raises ValueError where it is anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
