"""`osteon tell-failure`: the mail that systemd has sent when a unit has failed for good."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from appliance.alerts.catalogue import load
from appliance.alerts.channel import Envelope
from appliance.alerts.email import EmailChannel
from appliance.cli.options import config_option
from appliance.clock import SystemClock
from appliance.daemon.deliver_role import mail_settings
from appliance.daemon.site_file import read_or_fall_back
from appliance.domain import AlertSummary, CaseCode, MessageKind, Reason
from appliance.errors import Notice

_WITHOUT_CREDENTIALS: Final = "243"
"""systemd.exec(5), EXIT_CREDENTIALS: the program was not even started."""


@click.command("tell-failure", hidden=True)
@click.argument("unit")
@config_option
def tell_failure(unit: str, config: Path) -> None:
    """Mail the technician that a unit has failed (used by osteon-trouble@.service).

    The mail goes straight to the mail server: the units that would carry it may be what failed.
    """
    site = read_or_fall_back(config, "deliver").site
    clock = SystemClock()
    now = clock.now()
    # systemd says by MONITOR_* how the unit ended that this one was started for.
    without_key = os.environ.get("MONITOR_EXIT_STATUS") == _WITHOUT_CREDENTIALS
    notice = Notice("unit-without-key" if without_key else "unit-failed", unit)
    summary = AlertSummary(
        case=CaseCode(""),
        kind=MessageKind.TECHNICAL,
        site=site.site.name,
        arrived_at=now,
        decided_at=now,
        reason=Reason(notice.code, notice.detail),
    )
    mail = EmailChannel(mail_settings(site), load(site.site.language), clock)
    for recipient in site.alerts.technician.email:
        mail.send(Envelope(f"{site.dicom.ae_title}/{unit}/{now:.0f}", 0, recipient), summary)
