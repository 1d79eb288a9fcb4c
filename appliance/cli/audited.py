"""What a person did by a verb, in the audit trail; where that is not possible they are told."""

from __future__ import annotations

from pathlib import Path

from appliance.audit.events import AuditEvent
from appliance.audit.report import report
from appliance.cli.presentation import warn
from appliance.errors import StorageError


def audited(folder: Path, event: AuditEvent) -> None:
    """Have it recorded; what was done stands all the same. `folder`: that of the trail."""
    try:
        report(folder, event)
    except StorageError as error:
        warn(
            f"This is not in the audit trail ({error.code}): see `systemctl status osteon-access`."
        )
