"""Whether scores mean what they say: of what scores 0.7, is it right seven times in ten?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.evaluation.matching import Scored

Outcome = tuple[float, bool]
"""A score, and whether it was right."""


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Scores in [low, high), the last one with 1. mean_score, share_right: NaN while empty."""

    low: float
    high: float
    count: int
    mean_score: float
    share_right: float


def reliability(outcomes: Sequence[Outcome], bins: int = 10) -> tuple[CalibrationBin, ...]:
    """A reliability diagram's bars, bins of equal width over [0, 1]."""
    scores = np.array([score for score, _ in outcomes], np.float64)
    right = np.array([flag for _, flag in outcomes], np.float64)
    number = np.minimum((scores * bins).astype(np.int64), bins - 1)
    made = []
    for each in range(bins):
        here = number == each
        count = int(here.sum())
        mean, share = (
            (float(scores[here].mean()), float(right[here].mean()))
            if count
            else (float("nan"), float("nan"))
        )
        made.append(CalibrationBin(each / bins, (each + 1) / bins, count, mean, share))
    return tuple(made)


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Expected calibration error: the gap between score and truth, weighted by count."""
    filled = [each for each in bins if each.count]
    total = sum(each.count for each in filled)
    if not total:
        return float("nan")
    return sum(each.count * abs(each.mean_score - each.share_right) for each in filled) / total


def mark_outcomes(scored: Sequence[Scored]) -> list[Outcome]:
    """Of each mark: its score, and whether it hits a lesion."""
    return [(each.mark.score, each.hits) for exam in scored for each in exam.marks]


def exam_outcomes(scored: Sequence[Scored]) -> list[Outcome]:
    """Of each exam: its score, and whether it has a lesion."""
    return [(exam.score, exam.is_positive) for exam in scored]
