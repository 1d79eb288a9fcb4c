"""Which mark hits which lesion: done once, so that figures and bootstrap only count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from appliance.domain import Detection, FilmRegion, VolumeRegion
from appliance.evaluation.cases import Exam, HitRule, Lesion, Overlap, Within

NEVER: Final = -math.inf
"""The score of a lesion that no mark hits: below every threshold."""


@dataclass(frozen=True, slots=True)
class ScoredMark:
    """One mark.

    hits: it hits some lesion; several marks may hit the same one (RibFrac's count).
    is_first: it is the highest of those that hit, one for each lesion (average precision's count).
    """

    mark: Detection
    hits: bool
    is_first: bool


@dataclass(frozen=True, slots=True)
class ScoredLesion:
    """One lesion with the highest mark that hits it; `score` is `NEVER` where there is none."""

    lesion: Lesion
    mark: Detection | None

    @property
    def score(self) -> float:
        """Of its highest mark."""
        return NEVER if self.mark is None else self.mark.score


@dataclass(frozen=True, slots=True)
class Scored:
    """One exam after matching. Marks stand with the highest score first.

    is_positive: the exam has a lesion, whatever a stratum has left of `lesions`.
    """

    patient: str
    name: str
    is_positive: bool
    lesions: tuple[ScoredLesion, ...]
    marks: tuple[ScoredMark, ...]
    attributes: Mapping[str, str]

    @property
    def score(self) -> float:
        """Of the whole exam: its highest mark's; 0 where nothing is marked."""
        return self.marks[0].mark.score if self.marks else 0.0


def score(exam: Exam, rule: HitRule) -> Scored:
    """Match an exam's marks with its lesions.

    As in the RibFrac challenge a mark can hit only the lesion that it fits best, and further marks
    on a lesion are neither hits nor false positives. For average precision, as in COCO, each
    lesion is given to one mark, the highest first, and each mark takes the best lesion left.

    Raises:
        TypeError: a mark, a lesion and the rule are not all of volumes or all of films.
    """
    ranked = sorted(exam.marks, key=lambda mark: -mark.score)
    free = set(range(len(exam.lesions)))
    highest: dict[int, Detection] = {}
    marks = []
    for mark in ranked:
        fits = [_fit(mark, lesion, rule) for lesion in exam.lesions]
        good = [number for number, fit in enumerate(fits) if fit >= 0]
        hit = max(good, key=lambda number: fits[number], default=None)
        if hit is not None:
            highest.setdefault(hit, mark)
        first = max(free.intersection(good), key=lambda number: fits[number], default=None)
        free.discard(-1 if first is None else first)
        marks.append(ScoredMark(mark, hit is not None, first is not None))
    lesions = tuple(
        ScoredLesion(lesion, highest.get(number)) for number, lesion in enumerate(exam.lesions)
    )
    return Scored(exam.patient, exam.name, bool(lesions), lesions, tuple(marks), exam.attributes)


def intersection_over_union(a: FilmRegion, b: FilmRegion) -> float:
    """Zero where they do not meet."""
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    if across <= 0 or down <= 0:
        return 0.0
    whole = sum((box.right - box.left) * (box.bottom - box.top) for box in (a, b))
    return across * down / (whole - across * down)


def _fit(mark: Detection, lesion: Lesion, rule: HitRule) -> float:
    """How well a mark meets the rule: the higher the better, below zero where it does not hit."""
    match rule, mark.region, lesion.where:
        case Within(mm), VolumeRegion() as region, tuple() as places:
            return mm - min(math.dist(region.centre_lps_mm, place) for place in places)
        case Overlap(iou), FilmRegion() as region, FilmRegion() as box:
            return intersection_over_union(region, box) - iou
        case _:
            raise TypeError("a rule, a mark and a lesion of different kinds of image")
