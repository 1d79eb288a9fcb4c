"""The keys of the site YAML under `retention`: how long finished studies are kept."""

from __future__ import annotations

from appliance.config.option import Section, option


class Retention(Section):
    """How long the box keeps studies. One that is not finished and told is kept for ever."""

    days: int = option(
        "Days for which a study is kept, from when everything about it was told and sent",
        default=14,
        example=14,
        unit="days",
        at_least=1,
        at_most=3650,
    )
    alert_days: int = option(
        "The same for a study that alerted, from when the alert was acknowledged",
        default=30,
        example=30,
        unit="days",
        at_least=1,
        at_most=3650,
    )
    disk_high_percent: int = option(
        "Use of the disk from which the studies that were finished first go before their days are "
        "over",
        default=85,
        example=85,
        unit="%",
        at_least=5,
        at_most=99,
    )
    disk_low_percent: int = option(
        "Use of the disk at which that ends",
        default=75,
        example=75,
        unit="%",
        at_least=4,
        at_most=98,
    )
