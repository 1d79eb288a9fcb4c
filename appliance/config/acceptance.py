"""The keys of the site YAML under `acceptance`: what a model must show on the site's own set."""

from __future__ import annotations

from appliance.config.option import Section, option


class Acceptance(Section):
    """What a model must show on the site's own labelled set; see `osteon accept`."""

    required: bool = option(
        "Whether a model reads patients only after this site has accepted it; an update then waits "
        "too",
        default=False,
        example=False,
    )
    sensitivity_at_least: float = option(
        "Share of the exams with a fracture that must alert",
        default=0.8,
        example=0.8,
        at_least=0,
        at_most=1,
    )
    specificity_at_least: float = option(
        "Share of the intact exams that must not alert",
        default=0.9,
        example=0.9,
        at_least=0,
        at_most=1,
    )
    false_marks_at_most: float = option(
        "Marks per exam that may hit no fracture, at the score from which the model reports",
        default=1.0,
        example=1.0,
        at_least=0,
        at_most=100,
    )
    fractured_at_least: int = option(
        "Exams with a fracture that the set must have",
        default=20,
        example=20,
        at_least=1,
        at_most=100_000,
    )
    intact_at_least: int = option(
        "Intact exams that the set must have",
        default=20,
        example=20,
        at_least=1,
        at_most=100_000,
    )
    unread_at_most: float = option(
        "Share of the set that the model may fail to read",
        default=0.1,
        example=0.1,
        at_least=0,
        at_most=1,
    )
