"""Precision of marks, at one threshold and as the area under precision over recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance.evaluation.matching import Scored, ScoredMark


def average_precision(scored: Sequence[Scored]) -> float:
    """All-point average precision; with `Overlap(0.5)` it is what detectors report as mAP50.

    Each lesion is given to one mark; a second mark on it counts as false (PASCAL VOC, COCO).
    Marks of equal score enter together. NaN where there is no lesion.
    """
    lesions = sum(len(exam.lesions) for exam in scored)
    if not lesions:
        return float("nan")
    marks = [(each.mark.score, each.is_first) for exam in scored for each in exam.marks]
    if not marks:
        return 0.0
    scores = np.array([score for score, _ in marks])
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum([marks[number][1] for number in order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    recall = right[ends] / lesions
    precision = right[ends] / (ends + 1)
    highest_after = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * highest_after))


def mark_precision(threshold: float, scored: Sequence[Scored]) -> float:
    """Share of the marks at or above the threshold that are the first on a lesion.

    Counted as `average_precision` counts. NaN where there is no such mark.
    """
    return _share([each.is_first for exam in scored for each in _from(threshold, exam)])


def mark_recall(threshold: float, scored: Sequence[Scored]) -> float:
    """Share of the lesions that have a mark of their own at or above the threshold."""
    lesions = sum(len(exam.lesions) for exam in scored)
    found = sum(each.is_first for exam in scored for each in _from(threshold, exam))
    return found / lesions if lesions else float("nan")


def _from(threshold: float, exam: Scored) -> list[ScoredMark]:
    return [each for each in exam.marks if each.mark.score >= threshold]


def _share(truths: Sequence[bool]) -> float:
    return float(np.mean(truths)) if truths else float("nan")
