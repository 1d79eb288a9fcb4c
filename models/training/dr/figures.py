"""Figures of a film detector, with intervals by bootstrap over films; numpy only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.domain import Detection, FilmRegion

Interval = tuple[float, float, float]
"""The figure, and the ends of its 95 % interval."""

_ROUNDS = 500
_SEED = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reader said about one film whose truth is known; boxes in the film's pixels."""

    part: str
    fractured: bool
    truth: tuple[FilmRegion, ...]
    said: tuple[Detection, ...]

    @property
    def score(self) -> float:
        """The film's score: its strongest detection's."""
        return max((detection.score for detection in self.said), default=0.0)


def area_under_curve(answers: Sequence[Answer]) -> float:
    """Chance that a fractured film scores above an intact one; ties count half."""
    scores = np.array([answer.score for answer in answers])
    fractured = np.array([answer.fractured for answer in answers])
    if fractured.all() or not fractured.any():
        return float("nan")
    difference = scores[fractured][:, None] - scores[~fractured][None]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def sensitivity(answers: Sequence[Answer], threshold: float) -> float:
    """Share of the fractured films that reach the threshold."""
    return _share([a.score >= threshold for a in answers if a.fractured])


def specificity(answers: Sequence[Answer], threshold: float) -> float:
    """Share of the intact films that stay below the threshold."""
    return _share([a.score < threshold for a in answers if not a.fractured])


def mean_average_precision(answers: Sequence[Answer], overlap: float = 0.5) -> float:
    """Area under precision over recall of boxes at that intersection over union (all points)."""
    ranked: list[tuple[float, bool]] = []
    for answer in answers:
        free = list(answer.truth)
        for detection in sorted(answer.said, key=lambda d: -d.score):
            region = detection.region
            if not isinstance(region, FilmRegion):
                continue
            best = max(free, key=lambda box: intersection_over_union(box, region), default=None)
            hit = best is not None and intersection_over_union(best, region) >= overlap
            if hit and best is not None:
                free.remove(best)
            ranked.append((detection.score, hit))
    boxes = sum(len(answer.truth) for answer in answers)
    if not boxes or not ranked:
        return 0.0
    hits = np.array([hit for _, hit in sorted(ranked, key=lambda pair: -pair[0])], dtype=float)
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(hits) + 1)
    highest_after = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(highest_after * hits) / boxes)


def with_interval(
    figure: Callable[[Sequence[Answer]], float], answers: Sequence[Answer]
) -> Interval:
    """The figure and its 95 % percentile interval; fractured and intact films drawn apart."""
    rng = np.random.default_rng(_SEED)
    groups = [[a for a in answers if a.fractured is truth] for truth in (True, False)]
    drawn = []
    for _ in range(_ROUNDS):
        sample = [
            group[index] for group in groups for index in rng.integers(len(group), size=len(group))
        ]
        drawn.append(figure(sample))
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return figure(answers), float(low), float(high)


def threshold_for(answers: Sequence[Answer], wanted_specificity: float) -> float:
    """Lowest score that so large a share of the intact films stays below."""
    intact: NDArray[np.float64] = np.array([a.score for a in answers if not a.fractured])
    return float(np.quantile(intact, wanted_specificity, method="higher")) + 1e-6


def intersection_over_union(a: FilmRegion, b: FilmRegion) -> float:
    """Zero where they do not meet."""
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    if across <= 0 or down <= 0:
        return 0.0
    whole = sum((r.right - r.left) * (r.bottom - r.top) for r in (a, b))
    return across * down / (whole - across * down)


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if flags else float("nan")
