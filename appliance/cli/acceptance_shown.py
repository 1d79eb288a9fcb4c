"""How an acceptance looks on a terminal."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.text import Text

from appliance.acceptance import Acceptance
from appliance.acceptance.record import Interval
from appliance.cli.presentation import table
from appliance.evaluation import TITLES

_CRITERIA: Final = MappingProxyType(
    {
        "sensitivity": "exams with a fracture that alert",
        "specificity": "intact exams that do not alert",
        "false_marks": "false positives per exam, report point",
        "fractured": "exams with a fracture",
        "intact": "intact exams",
        "unread": "share of the set that was not read",
    }
)


def show(acceptance: Acceptance, out: Console, *, is_kept: bool, is_reports: bool = False) -> None:
    """Figures with their intervals, what was asked, and the verdict."""
    model = acceptance.model
    exams = acceptance.fractured + acceptance.intact
    out.print(f"Model       {model.name} {model.version}")
    out.print(f"Manifest    {model.digest}", soft_wrap=True)
    out.print(
        f"Set         {acceptance.set_format}: {exams} exams read, {acceptance.fractured} with a "
        f"fracture, {acceptance.intact} intact; {acceptance.unread} not read",
        soft_wrap=True,
    )
    out.print(f"Digest      {acceptance.set_digest}", soft_wrap=True)
    out.print(f"Thresholds  report {acceptance.report:.2f}, alert {acceptance.alert:.2f}\n")
    if is_reports:
        out.print("Scored from reports: findings below the report point are not in them.\n")
    shown = table("figure (FP: false positives)", "value", "95 % interval over patients")
    for name, figure in acceptance.figures.items():
        shown.add_row(TITLES[name], _number(figure[0]), _interval(figure))
    out.print(shown)
    out.line()
    asked = table("asked", "found", "")
    broken = {breach.criterion for breach in acceptance.breaches}
    for name, (words, found) in _asked(acceptance).items():
        fails = name in broken
        verdict = Text("fails" if fails else "holds", style="bold red" if fails else "green")
        asked.add_row(f"{_CRITERIA[name]} {words}", found, verdict)
    out.print(asked)
    out.line()
    say_verdict(acceptance, out, is_kept=is_kept)


def say_verdict(acceptance: Acceptance, out: Console, *, is_kept: bool) -> None:
    """What comes of it, or would come of it."""
    named = f"{acceptance.model.name} {acceptance.model.version}"
    if not is_kept:
        would = "would be accepted" if acceptance.is_accepted else "would be refused"
        out.print(f"{named} {would}. Nothing was recorded.", soft_wrap=True)
    elif acceptance.is_accepted:
        out.print(Text(f"{named} is accepted here by {acceptance.by}.", style="bold green"))
    else:
        out.print(
            Text(f"{named} is REFUSED here by {acceptance.by}.", style="bold white on red"),
        )
        out.print(
            'It reads no patient any more: its studies end as "could not analyse", and a person '
            "is told of each."
        )


def _asked(acceptance: Acceptance) -> dict[str, tuple[str, str]]:
    """Each criterion: what is asked, and what was found."""
    asked = acceptance.criteria
    figures = acceptance.figures
    whole = acceptance.fractured + acceptance.intact + acceptance.unread
    unread = acceptance.unread / whole if whole else math.nan
    return {
        "sensitivity": (
            f">= {asked.sensitivity_at_least:.2f}",
            _number(figures["sensitivity-alert"][0]),
        ),
        "specificity": (
            f">= {asked.specificity_at_least:.2f}",
            _number(figures["specificity-alert"][0]),
        ),
        "false_marks": (
            f"<= {asked.false_marks_at_most:.2f}",
            _number(figures["false-report"][0]),
        ),
        "fractured": (f">= {asked.fractured_at_least}", str(acceptance.fractured)),
        "intact": (f">= {asked.intact_at_least}", str(acceptance.intact)),
        "unread": (f"<= {asked.unread_at_most:.2f}", _number(unread)),
    }


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"


def _interval(figure: Interval) -> str:
    _, low, high = figure
    return "-" if low is None or high is None else f"{low:.2f} to {high:.2f}"
