"""The box's own record of events: journal entries under systemd, else JSON lines on standard error.

Only fields of the allow-list pass, and text values only where they cannot come from an object or a
person: a patient's name has no way into the log. Adding a field is a reviewed change here.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Mapping
from typing import Final

from systemd import journal as systemd_journal

from appliance.errors import place_of

Value = str | int | float | bool | None

FIELDS: Final = frozenset(
    {
        "address",  # of a peer
        "ae_title",  # of a known peer, as configured
        "association",
        "attempt",
        "bytes",
        "candidate",  # version of a pack on trial
        "case",
        "channel",
        "code",
        "count",
        "device",
        "ending",
        "errno",
        "evidence",
        "key",  # of the site YAML
        "kind",
        "line",  # of the site YAML
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
_FIELDS_KEY: Final = "osteon_fields"
_PRIORITIES: Final = {logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""Of syslog, which are journald's."""


def event(name: str, level: int = logging.INFO, /, **fields: Value) -> None:
    """Record one event. Raises ValueError for a field that is not on the allow-list."""
    unknown = fields.keys() - FIELDS
    if unknown:
        raise ValueError(f"not on the journal's allow-list: {', '.join(sorted(unknown))}")
    text = json.dumps({"event": name, **fields}, sort_keys=False)
    _LOGGER.log(level, "%s", text, extra={_FIELDS_KEY: {"event": name, **fields}})


def warn(name: str, /, **fields: Value) -> None:
    """Record an event that a technician should see."""
    event(name, logging.WARNING, **fields)


def fail(name: str, /, **fields: Value) -> None:
    """Record an event that keeps the box from its work."""
    event(name, logging.ERROR, **fields)


class _ToJournald(logging.Handler):
    """Each field becomes one of the entry's own: `journalctl OSTEON_CODE=disk-full` finds it."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._identifier = f"osteon-{role}"

    def emit(self, record: logging.LogRecord) -> None:
        fields: Mapping[str, Value] = getattr(record, _FIELDS_KEY)
        systemd_journal.send(
            _in_words(fields),
            PRIORITY=_PRIORITIES[record.levelno],
            SYSLOG_IDENTIFIER=self._identifier,
            **{f"OSTEON_{name.upper()}": str(value) for name, value in fields.items()},
        )


def open_journal(role: str) -> None:
    """Send events to journald or standard error, and silence the libraries' own loggers.

    pydicom and pynetdicom put attribute values into their log texts, highdicom into its warnings,
    and any exception may have one in its message: they stay off.
    """
    warnings.simplefilter("ignore")
    sys.excepthook = lambda _kind, error, _trace: _uncaught(error)
    threading.excepthook = lambda thrown: _uncaught(thrown.exc_value)
    handler: logging.Handler
    if _is_standard_error_the_journal():
        handler = _ToJournald(role)
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(f"{role}: %(message)s"))
    _send_to(handler)


def _uncaught(error: BaseException | None) -> None:
    fail("uncaught", place=place_of(error) if error is not None else None)


def to_nowhere() -> None:
    """For a command whose own words are all that a person wants to read; libraries are silent."""
    _send_to(logging.NullHandler())


def _send_to(handler: logging.Handler) -> None:
    _LOGGER.handlers[:] = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    for library in ("pydicom", "pynetdicom", "highdicom", "PIL", "asyncio"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _in_words(fields: Mapping[str, Value]) -> str:
    """As a person reads it in `journalctl`."""
    told = (f"{name}={value}" for name, value in fields.items() if name != "event")
    return " ".join([str(fields["event"]), *told])


def _is_standard_error_the_journal() -> bool:
    """Whether systemd connected it, and nobody has redirected it since (systemd.exec(5))."""
    try:
        place = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or not a file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{place.st_dev}:{place.st_ino}"
