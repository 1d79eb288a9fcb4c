"""What one live check came to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from appliance.error_catalogue import CATALOGUE
from appliance.errors import Notice, OsteonError


class CheckState(StrEnum):
    """How it stands with what was looked at."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should see to it."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """There is nothing of the kind on this box, or it cannot be looked at."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report. `found` and `hint` are for a technician; no PHI in either.

    code: of the catalogue of errors; with it a failure or warning has a hint.
    seconds: how long looking took.
    """

    name: str
    state: CheckState
    found: str
    hint: str = ""
    code: str = ""
    seconds: float = 0.0


_GRAVEST_FIRST: Final = (
    CheckState.FAILED,
    CheckState.WARNING,
    CheckState.OK,
    CheckState.SKIPPED,
)


def ok(name: str, found: str) -> CheckResult:
    """It works."""
    return CheckResult(name, CheckState.OK, found)


def skipped(name: str, found: str) -> CheckResult:
    """It was not looked at, and why."""
    return CheckResult(name, CheckState.SKIPPED, found)


def warning(name: str, notice: Notice) -> CheckResult:
    """It works, and somebody should see to it."""
    return _explained(name, CheckState.WARNING, notice)


def failed(name: str, error: OsteonError) -> CheckResult:
    """It does not work."""
    return _explained(name, CheckState.FAILED, error)


def worst(results: Iterable[CheckResult]) -> CheckState:
    """The state of all of them together."""
    states = {result.state for result in results}
    return next((state for state in _GRAVEST_FIRST if state in states), CheckState.SKIPPED)


def _explained(name: str, state: CheckState, error: OsteonError) -> CheckResult:
    explanation = CATALOGUE[error.code]
    found = f"{explanation.meaning} ({error.detail})" if error.detail else explanation.meaning
    return CheckResult(name, state, found, explanation.hint, error.code)
