"""The box's own record of events, one JSON object a line on standard error (journald keeps it).

Only fields of the allow-list pass, and text values only where they cannot come from an object or a
person: a patient's name has no way into the log. Adding a field is a reviewed change here.
"""

from __future__ import annotations

import json
import logging
from typing import Final

Value = str | int | float | bool | None

FIELDS: Final = frozenset(
    {
        "address",  # of a peer
        "ae_title",  # of a known peer, as configured
        "association",
        "attempt",
        "bytes",
        "case",
        "channel",
        "code",
        "count",
        "device",
        "ending",
        "errno",
        "evidence",
        "kind",
        "model",
        "outcome",
        "pid",
        "place",  # where in our code an error was raised
        "port",
        "reason",
        "revision",
        "role",
        "runtime",
        "seconds",
        "stage",
        "state",
        "status",
        "study",  # the keyed HMAC, never a UID
        "version",
    }
)

_LOGGER: Final = logging.getLogger("osteon")


def event(name: str, level: int = logging.INFO, /, **fields: Value) -> None:
    """Record one event. Raises ValueError for a field that is not on the allow-list."""
    unknown = fields.keys() - FIELDS
    if unknown:
        raise ValueError(f"not on the journal's allow-list: {', '.join(sorted(unknown))}")
    _LOGGER.log(level, "%s", json.dumps({"event": name, **fields}, sort_keys=False))


def warn(name: str, /, **fields: Value) -> None:
    """Record an event that a technician should see."""
    event(name, logging.WARNING, **fields)


def fail(name: str, /, **fields: Value) -> None:
    """Record an event that keeps the box from its work."""
    event(name, logging.ERROR, **fields)


def to_standard_error(role: str) -> None:
    """Send events to standard error, named after the role, and silence the libraries' own loggers.

    pydicom and pynetdicom put attribute values into their log texts: they stay off.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{role}: %(message)s"))
    _LOGGER.handlers[:] = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    for library in ("pydicom", "pynetdicom", "highdicom", "PIL", "asyncio"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
