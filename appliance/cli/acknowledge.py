"""`osteon ack`: a person says that they have seen an alert."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.audit.events import AuditEvent, AuditKind, typed
from appliance.cli.audited import audited
from appliance.cli.options import config_option, site_in_use
from appliance.cli.presentation import screen
from appliance.clock import SystemClock
from appliance.daemon.state import StateFolder, state_folder
from appliance.domain import CaseCode
from appliance.ledger.delivery import Acknowledgement, DeliveryLedger


@click.command("ack")
@click.argument("case", metavar="CASE")
@click.option("--by", required=True, metavar="NAME", help="Who has seen it.")
@config_option
def acknowledge(case: str, by: str, config: Path) -> None:
    """Acknowledge the alert of a case, such as K7Q-3MF2; nobody is asked again for it."""
    said = acknowledged(state_folder(site_in_use(config)), case, by)
    screen().print(f"{said.case}: acknowledged by {said.by}.")


def acknowledged(state: StateFolder, case: str, by: str) -> Acknowledgement:
    """Acknowledge, on the record. Raises UsageError and StorageError."""
    ledger = DeliveryLedger(state.delivery)
    try:
        said = ledger.acknowledge(CaseCode(case.strip().upper()), by, SystemClock().now())
    finally:
        ledger.close()
    seen = AuditEvent(AuditKind.ACKNOWLEDGED, "", said.case, f"by {typed(said.by)}")
    audited(state.access, seen)
    return said
