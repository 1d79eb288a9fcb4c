"""The keys of the site YAML under `health`: what a technician is told about the box itself."""

from __future__ import annotations

from appliance.config.option import Section, option
from appliance.config.values import Port, TimeOfDay


class Health(Section):
    """What a technician is told about the box itself."""

    daily_mail_at: TimeOfDay = option(
        "When the technician gets the daily mail that the box is alive; one that does not come is "
        "how a dead box is noticed",
        default="07:00",
        example="07:00",
        quoted=True,
    )
    stuck_minutes: float = option(
        "How long a study may stand still before the technician is told",
        default=30.0,
        example=30.0,
        unit="minutes",
        at_least=1,
        at_most=1440,
    )
    quiet_hours: float | None = option(
        "How long no image may arrive before the technician is told; left out: that is usual here",
        default=None,
        example=72.0,
        unit="hours",
        at_least=1,
        at_most=720,
        shown=False,
    )
    clock_needs_server: bool = option(
        "Whether a clock without a time server is a trouble", default=True, example=True
    )
    metrics_port: Port | None = option(
        "TCP port on 127.0.0.1 for Prometheus; left out: none",
        default=None,
        example=9464,
        shown=False,
    )
