"""The keys of the site YAML under `update`: where model updates come from, what they must show."""

from __future__ import annotations

from appliance.config.option import Section, option


class Update(Section):
    """Updates of model packs, and what a new one has to show on this box before it is kept."""

    shadow_studies: int = option(
        "Studies that a new model reads beside the one in use, unseen, before it may alert",
        default=30,
        example=30,
        at_least=1,
        at_most=10_000,
    )
    shadow_hours: float = option(
        "Time after which ten such studies are enough; a site with fewer waits longer",
        default=72.0,
        example=72.0,
        unit="hours",
        at_least=0,
        at_most=8760,
    )
    probation_studies: int = option(
        "Studies that it then reads and alerts on, before it is kept for good",
        default=20,
        example=20,
        at_least=1,
        at_most=10_000,
    )
