"""Intervals by a bootstrap that draws patients, not exams: two scans of one patient are not two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from appliance.evaluation.matching import Scored

Figure = Callable[[Sequence[Scored]], float]

ROUNDS: Final = 1000
SEED: Final = 20261122
_FEWEST_PATIENTS: Final = 2
_TAIL_PERCENT: Final = 2.5


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
    """The figure, and the 2.5th and 97.5th percentile of it over patients drawn with replacement.

    Draws in which it cannot be told (no lesion, no intact exam) are left out. Seeded: the same
    exams in the same order give the same interval.
    """
    patients: dict[str, list[Scored]] = {}
    for exam in scored:
        patients.setdefault(exam.patient, []).append(exam)
    low = high = float("nan")
    if len(patients) >= _FEWEST_PATIENTS:
        rng = np.random.default_rng(seed)
        groups = [*patients.values()]
        draws = rng.integers(len(groups), size=(rounds, len(groups)))
        values = np.array([figure([e for n in draw for e in groups[n]]) for draw in draws])
        values = values[~np.isnan(values)]
        if len(values):
            low, high = map(float, np.percentile(values, (_TAIL_PERCENT, 100 - _TAIL_PERCENT)))
    return Estimate(
        figure(scored),
        low,
        high,
        len(patients),
        len(scored),
        sum(len(exam.lesions) for exam in scored),
    )
