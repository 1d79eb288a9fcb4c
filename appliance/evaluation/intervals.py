"""Intervals by a bootstrap that draws patients, not exams: two scans of one patient are not two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from appliance.evaluation.matching import Scored

Figure = Callable[[Sequence[Scored]], float]
Figures = Callable[[Sequence[Scored]], Mapping[str, float]]
"""Several figures at once, each under its name; the same names for any exams."""

ROUNDS: Final = 1000
SEED: Final = 20261122
_FEWEST_PATIENTS: Final = 2
_TAIL_PERCENT: Final = 2.5
_ONE: Final = "figure"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval, and what it stands on.

    low, high: NaN with fewer than two patients: nothing can then be said of other patients.
    """

    value: float
    low: float
    high: float
    patients: int
    exams: int
    lesions: int


def interval(
    figure: Figure, scored: Sequence[Scored], *, rounds: int = ROUNDS, seed: int = SEED
) -> Estimate:
    """One figure with its interval; see `intervals`."""
    return intervals(lambda drawn: {_ONE: figure(drawn)}, scored, rounds=rounds, seed=seed)[_ONE]


def intervals(
    figures: Figures, scored: Sequence[Scored], *, rounds: int = ROUNDS, seed: int = SEED
) -> dict[str, Estimate]:
    """Each figure, and the 2.5th and 97.5th percentile of it over patients drawn anew.

    Patients are drawn with replacement, as many as there are. Draws in which a figure cannot be
    told (no lesion, no intact exam) are left out of it. Seeded: the same exams in the same order
    give the same intervals.
    """
    patients: dict[str, list[Scored]] = {}
    for exam in scored:
        patients.setdefault(exam.patient, []).append(exam)
    groups = [*patients.values()]
    drawn: list[Mapping[str, float]] = []
    if len(groups) >= _FEWEST_PATIENTS:
        draws = np.random.default_rng(seed).integers(len(groups), size=(rounds, len(groups)))
        drawn = [figures([exam for n in draw for exam in groups[n]]) for draw in draws]
    lesions = sum(len(exam.lesions) for exam in scored)
    estimates = {}
    for name, value in figures(scored).items():
        low, high = _bounds([each[name] for each in drawn])
        estimates[name] = Estimate(value, low, high, len(groups), len(scored), lesions)
    return estimates


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    told = np.array([value for value in values if not np.isnan(value)])
    if not len(told):
        return float("nan"), float("nan")
    low, high = np.percentile(told, (_TAIL_PERCENT, 100 - _TAIL_PERCENT))
    return float(low), float(high)
