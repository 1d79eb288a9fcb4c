"""How everything else has an event recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from appliance import journal
from appliance.audit.events import AuditEvent
from appliance.audit.wire import ask
from appliance.errors import StorageError

_SECONDS: Final = 10.0


def report(folder: Path, event: AuditEvent) -> None:
    """Have an event recorded durably. Raises StorageError: what is not recorded must not happen."""
    ask(
        folder,
        {
            "ask": "record",
            "kind": event.kind.value,
            "actor": event.actor,
            "subject": event.subject,
            "detail": event.detail,
            "ok": event.is_success,
        },
        _SECONDS,
    )


def report_if_possible(folder: Path, event: AuditEvent) -> None:
    """The same for what cannot wait, such as an update that is reverted; failing is journalled."""
    try:
        report(folder, event)
    except StorageError as error:
        journal.fail("audit-missed", kind=event.kind.value, code=error.code)
