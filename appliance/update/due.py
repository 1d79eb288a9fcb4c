"""When to look again, and what of the last attempts a person must be told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from appliance.update.history import Entry, Happening
from appliance.update.times import from_iso

_ATTEMPTS: Final = frozenset({Happening.CHECKED, Happening.FAILED})
_GOES_ON: Final = frozenset(
    {
        "update-file-short",
        "update-source-slow",
        "update-source-unreachable",
        "disk-full",
        "storage-failed",
    }
)
"""After these the next attempt goes on where the last one ended, without waiting."""
_TOLD_AT_ONCE: Final = frozenset(
    {
        "update-below-floor",
        "update-floor-missing",
        "update-floor-untied",
        "update-metadata-refused",
    }
)
"""A person must act, or somebody is attacking."""
_PATIENCE_S: Final = 7 * 86_400.0
"""How long a line or a server may be down before a person is told."""


def is_due(entries: Sequence[Entry], now: float, every_s: float) -> bool:
    """Whether it is time for an attempt. entries: oldest first; now: wall seconds."""
    last = _newest(entries)
    if last is None:
        return True
    if last.what is Happening.FAILED and last.details.get("code") in _GOES_ON:
        return True
    since = now - from_iso(last.at)
    return not 0 <= since < every_s  # a clock that was set back must not stop it


def trouble(entries: Sequence[Entry], now: float) -> tuple[str, str] | None:
    """Code and figures of what keeps this box from being up to date; None where nothing does."""
    last = _newest(entries)
    if last is None or last.what is not Happening.FAILED:
        return None
    code = str(last.details.get("code", ""))
    if code in _TOLD_AT_ONCE:
        return code, str(last.details.get("detail", "")) or "no updates"
    good = [entry for entry in entries if entry.what is Happening.CHECKED]
    since = from_iso((good[-1] if good else entries[0]).at)
    if now - since < _PATIENCE_S:
        return None
    return code, f"no updates for {(now - since) / 86_400:.0f} days"


def _newest(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.what in _ATTEMPTS), None)
