"""Which numbers the ribs of two rows have, counted from the first or the twelfth. Pure.

Where the field shows neither end, where a rib is missing in between, or where two ends or the two
sides contradict each other, there is no number: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

SECOND: Final = 2
LAST_NUMBER: Final = 12
SIDES_DIFFER_MM: Final = 16
"""So much higher one side's ribs may begin in a body that lies askew."""
PAIRED_WITHIN: Final = 0.45
"""Of the usual distance between neighbours."""
GAP_FROM: Final = 1.6
"""Times the usual distance: a rib is missing in between."""
USUAL_MM: Final = 25.0


@dataclass(frozen=True, slots=True)
class Beginning:
    """One rib of a row where it leaves the spine.

    along_mm: upwards along the spine. is_first: it has the shape of a first rib.
    is_last: below it the field shows spine enough for another rib, and there is none.
    """

    along_mm: float
    is_first: bool = False
    is_last: bool = False


Row = Sequence[Beginning]
Numbers = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Level:
    """Ribs of one height: which of the right row, which of the left (first ribs not counted)."""

    height_mm: float
    right: int | None
    left: int | None


def numbered(right: Row, left: Row) -> tuple[Numbers, Numbers]:
    """The number of each rib of both rows; both are given uppermost first."""
    rows = (right, left)
    firsts = [bool(row) and row[0].is_first for row in rows]
    nothing = (None,) * len(right), (None,) * len(left)
    if any(each.is_first for row in rows for each in row[1:]):
        return nothing
    bodies = [row[first:] for row, first in zip(rows, firsts, strict=True)]
    levels = _levels(*bodies)
    seconds = [
        (level.right, level.left)[side] == 0
        for level in levels[:1]
        for side in (0, 1)
        if firsts[side]
    ]
    if not all(seconds):
        return nothing
    by_level = _counted(levels, bodies, starts_with_second=any(firsts))
    numbers: tuple[list[int | None], list[int | None]] = (
        [1] if firsts[0] else [],
        [1] if firsts[1] else [],
    )
    if not by_level or by_level[0] != SECOND:
        # What looked like a first rib is contradicted from below.
        numbers = ([None] * firsts[0], [None] * firsts[1])
    for level, number in zip(levels, by_level, strict=True):
        if level.right is not None:
            numbers[0].append(number)
        if level.left is not None:
            numbers[1].append(number)
    return tuple(numbers[0]), tuple(numbers[1])


def _levels(right: Row, left: Row) -> list[_Level]:
    """Both rows side by side, downwards, shifted so that most ribs have a partner."""
    heights = [[each.along_mm for each in row] for row in (right, left)]
    usual = [upper - lower for row in heights for upper, lower in pairwise(row)]
    reach = PAIRED_WITHIN * (median(usual) if usual else USUAL_MM)
    best: tuple[float, int, list[tuple[int, int]]] | None = None
    for shift in range(-SIDES_DIFFER_MM, SIDES_DIFFER_MM + 1, 2):
        pairs, misfit = _pairs(heights[0], [each - shift for each in heights[1]], reach)
        merit = len(pairs) - (misfit + abs(shift)) / 100
        if best is None or merit > best[0]:
            best = merit, shift, pairs
    _, shift, pairs = best or (0.0, 0, [])
    levels = []
    n = m = 0
    for until_n, until_m in [*pairs, (len(right), len(left))]:
        alone = [_Level(heights[0][each], each, None) for each in range(n, until_n)]
        alone += [_Level(heights[1][each] - shift, None, each) for each in range(m, until_m)]
        levels += sorted(alone, key=lambda level: -level.height_mm)
        if until_n < len(right) and until_m < len(left):
            middle = (heights[0][until_n] + heights[1][until_m] - shift) / 2
            levels.append(_Level(middle, until_n, until_m))
        n, m = until_n + 1, until_m + 1
    return levels


def _pairs(
    right: Sequence[float], left: Sequence[float], reach: float
) -> tuple[list[tuple[int, int]], float]:
    """Ribs of nearly one height, and how far apart they are in sum."""
    pairs, misfit = [], 0.0
    n = m = 0
    while n < len(right) and m < len(left):
        apart = right[n] - left[m]
        if abs(apart) <= reach:
            pairs.append((n, m))
            misfit += abs(apart)
        n, m = n + (apart >= -reach), m + (apart <= reach)
    return pairs, misfit


def _counted(
    levels: Sequence[_Level], bodies: Sequence[Row], *, starts_with_second: bool
) -> list[int | None]:
    """The number of each level, None where its stretch without a gap has no end, or two."""
    numbers: list[int | None] = []
    for start, stop in _stretches(levels):
        counts = {SECOND} if starts_with_second and start == 0 else set()
        for n, level in enumerate(levels[start:stop]):
            lasts = (
                index is not None and body[index].is_last
                for index, body in zip((level.right, level.left), bodies, strict=True)
            )
            if any(lasts):
                counts.add(LAST_NUMBER - n)
        length = stop - start
        first = counts.pop() if len(counts) == 1 else None
        if first is None or first < 1 or first + length - 1 > LAST_NUMBER:
            numbers += [None] * length
        else:
            numbers += range(first, first + length)
    told = [number for number in numbers if number is not None]
    return numbers if told == sorted(set(told)) else [None] * len(numbers)


def _stretches(levels: Sequence[_Level]) -> list[tuple[int, int]]:
    """From where to where no rib is missing."""
    borders = [0]
    before: list[float] = []
    for n, (upper, lower) in enumerate(pairwise(levels), start=1):
        apart = upper.height_mm - lower.height_mm
        if before and apart > GAP_FROM * median(before[-3:]):
            borders.append(n)
            before = []
        else:
            before.append(apart)
    return [*pairwise([*borders, len(levels)])] if levels else []
