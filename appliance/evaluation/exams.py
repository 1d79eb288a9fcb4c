"""Figures of whole exams: does the highest mark tell exams with a fracture from intact ones?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.evaluation.matching import Scored


def auc(scored: Sequence[Scored]) -> float:
    """Chance that an exam with a lesion scores above an intact one; ties count half.

    The area under the ROC curve (Mann-Whitney's U over the number of pairs). NaN where one of the
    two kinds is missing.
    """
    positive, negative = _scores(scored, positive=True), np.sort(_scores(scored, positive=False))
    if not len(positive) or not len(negative):
        return float("nan")
    below = np.searchsorted(negative, positive, side="left")
    not_above = np.searchsorted(negative, positive, side="right")
    return float((below + not_above).sum()) / (2 * len(positive) * len(negative))


def sensitivity(threshold: float, scored: Sequence[Scored]) -> float:
    """Share of the exams with a lesion that score at or above the threshold."""
    return _share(_scores(scored, positive=True) >= threshold)


def specificity(threshold: float, scored: Sequence[Scored]) -> float:
    """Share of the intact exams that score below the threshold."""
    return _share(_scores(scored, positive=False) < threshold)


def threshold_for_specificity(share: float, scored: Sequence[Scored]) -> float:
    """The lowest threshold that at least this share of the intact exams stays below."""
    intact = np.sort(_scores(scored, positive=False))
    staying = int(np.ceil(share * len(intact) - 1e-9))
    return float(np.nextafter(intact[staying - 1], np.inf)) if staying else 0.0


def _scores(scored: Sequence[Scored], *, positive: bool) -> NDArray[np.float64]:
    return np.array([exam.score for exam in scored if exam.is_positive is positive], np.float64)


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
