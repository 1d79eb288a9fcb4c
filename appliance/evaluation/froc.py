"""Free-response ROC: sensitivity for lesions over false positives per exam.

Counted as the RibFrac challenge does (M3DV/RibFrac-Challenge, evaluation.py): all exams count for
the false positives, intact ones too; between two points of the curve the sensitivity is
interpolated linearly; beyond its last point it stays. Every score is a threshold, where the
challenge takes a fixed list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.evaluation.matching import Scored

FALSE_POSITIVES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Per exam: where the RibFrac challenge reads the curve."""


@dataclass(frozen=True, slots=True)
class Froc:
    """One curve, from the strictest threshold to the laxest, starting at no mark at all.

    thresholds, false_positives (per exam), sensitivity (share of lesions): one shape (points,).
    """

    thresholds: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    sensitivity: NDArray[np.float64]

    def at(self, false_positives: float) -> float:
        """Sensitivity at so many false positives per exam; NaN where there is no lesion."""
        steps, heights = self.false_positives, self.sensitivity
        below = int(np.searchsorted(steps, false_positives, side="right")) - 1
        if below + 1 == len(steps):
            return float(heights[-1])
        share = (false_positives - steps[below]) / (steps[below + 1] - steps[below])
        return float(heights[below] + share * (heights[below + 1] - heights[below]))

    @property
    def sensitivities(self) -> dict[float, float]:
        """At each of `FALSE_POSITIVES`."""
        return {count: self.at(count) for count in FALSE_POSITIVES}

    @property
    def mean(self) -> float:
        """Mean sensitivity over `FALSE_POSITIVES`: the challenge's one figure."""
        return float(np.mean([*self.sensitivities.values()]))


def froc(scored: Sequence[Scored]) -> Froc:
    """The curve over these exams. NaN sensitivity without lesions, NaN rates without exams."""
    found, wrong = _lesion_scores(scored), _false_scores(scored)
    hit = found[np.isfinite(found)]
    steps = np.unique(np.concatenate([hit, wrong]))[::-1]
    thresholds = np.concatenate([[np.inf], steps])
    return Froc(
        thresholds,
        _reaching(wrong, thresholds) / (len(scored) or np.nan),
        _reaching(hit, thresholds) / (len(found) or np.nan),
    )


def sensitivity_at(false_positives: float, scored: Sequence[Scored]) -> float:
    """Share of lesions found at so many false positives per exam."""
    return froc(scored).at(false_positives)


def mean_sensitivity(scored: Sequence[Scored]) -> float:
    """Mean over `FALSE_POSITIVES`."""
    return froc(scored).mean


def lesion_sensitivity(threshold: float, scored: Sequence[Scored]) -> float:
    """Share of lesions with a mark at or above the threshold."""
    found = _lesion_scores(scored)
    return float(np.mean(found >= threshold)) if len(found) else float("nan")


def false_positives(threshold: float, scored: Sequence[Scored]) -> float:
    """Marks per exam, at or above the threshold, that hit nothing."""
    if not scored:
        return float("nan")
    return float(np.count_nonzero(_false_scores(scored) >= threshold)) / len(scored)


def threshold_for_false_positives(per_exam: float, scored: Sequence[Scored]) -> float:
    """The lowest threshold with at most so many false positives per exam; 0 where all are fewer."""
    wrong = np.sort(_false_scores(scored))[::-1]
    allowed = int(np.floor(per_exam * len(scored) + 1e-9))
    return float(np.nextafter(wrong[allowed], np.inf)) if allowed < len(wrong) else 0.0


def _lesion_scores(scored: Sequence[Scored]) -> NDArray[np.float64]:
    return np.array([lesion.score for exam in scored for lesion in exam.lesions], np.float64)


def _false_scores(scored: Sequence[Scored]) -> NDArray[np.float64]:
    return np.array(
        [each.mark.score for exam in scored for each in exam.marks if not each.hits], np.float64
    )


def _reaching(values: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many of the values are at or above each threshold."""
    return (len(values) - np.searchsorted(np.sort(values), thresholds, side="left")).astype(float)
