"""What a site asks of a pack, and in what a pack falls short of it: pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from appliance.evaluation import Estimate


@dataclass(frozen=True, slots=True)
class Criteria:
    """All of them must hold, each as the figure itself and not the end of its interval.

    sensitivity_at_least: share of the exams with a fracture that reach the alert point.
    specificity_at_least: share of the intact exams that stay below the alert point.
    false_marks_at_most: marks per exam at the report point that hit no fracture.
    fractured_at_least, intact_at_least: fewer exams than this prove nothing.
    unread_at_most: share of the set that the pack may fail to read.
    """

    sensitivity_at_least: float
    specificity_at_least: float
    false_marks_at_most: float
    fractured_at_least: int
    intact_at_least: int
    unread_at_most: float


@dataclass(frozen=True, slots=True)
class Breach:
    """One criterion that does not hold: which, what was found, what was asked.

    found: None where the figure cannot be told.
    """

    criterion: str
    found: float | None
    asked: float


def judge(
    figures: Mapping[str, Estimate], *, fractured: int, intact: int, unread: int, criteria: Criteria
) -> tuple[Breach, ...]:
    """Every criterion that does not hold; none: the pack may be accepted.

    figures: as `appliance.evaluation.summary` names them. fractured, intact: exams that were read.
    A figure that could not be told holds no criterion.
    """
    return tuple(_breaches(figures, fractured, intact, unread, criteria))


def _breaches(
    figures: Mapping[str, Estimate], fractured: int, intact: int, unread: int, asked: Criteria
) -> Iterator[Breach]:
    whole = fractured + intact + unread
    at_least = (
        ("sensitivity", figures["sensitivity-alert"].value, asked.sensitivity_at_least),
        ("specificity", figures["specificity-alert"].value, asked.specificity_at_least),
        ("fractured", fractured, asked.fractured_at_least),
        ("intact", intact, asked.intact_at_least),
    )
    at_most = (
        ("false_marks", figures["false-report"].value, asked.false_marks_at_most),
        ("unread", unread / whole if whole else math.nan, asked.unread_at_most),
    )
    for name, found, wanted in at_least:
        if not found >= wanted:
            yield Breach(name, _told(found), wanted)
    for name, found, wanted in at_most:
        if not found <= wanted:
            yield Breach(name, _told(found), wanted)


def _told(figure: float) -> float | None:
    return None if math.isnan(figure) else figure
