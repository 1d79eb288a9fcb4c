"""Marks: the peaks of a network's heatmaps, and their second look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.imaging import Volume
from appliance.inference.steps import Network
from appliance.inference.steps.ct_answers import answers, cubes_at
from appliance.inference.steps.ct_settings import Settings

SMALLEST_SPREAD = 1e-6
"""Of scores; a network that answers the same everywhere is broken."""
REACH_MM = 6.0
"""As far from where it was seen first, along each axis, a mark may be found again."""
LATERAL = -1
"""Axis of a cube along which a patient is symmetric: the same bone mirrored is bone as well."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One cell whose score is the highest round it, and the probability of each type.

    score: as the network says it, before calibration.
    """

    score: float
    place_lps_mm: NDArray[np.float64]
    types: NDArray[np.float32]


def marks_of(
    answer: NDArray[np.float32], corner: NDArray[np.float64], settings: Settings
) -> Iterator[Mark]:
    """The peaks of an answer (1 + types, cells, cells, cells) that are to be believed."""
    heat = answer[0]
    if np.ptp(heat) < SMALLEST_SPREAD:
        return
    believed = np.zeros(heat.shape, dtype=bool)
    rim = settings.margin // settings.cell
    inner = slice(rim, -rim or None)
    believed[inner, inner, inner] = True
    peaks = (heat == ndimage.maximum_filter(heat, 3)) & (heat >= settings.floor) & believed
    for cell in np.argwhere(peaks):
        yield _mark(answer, cell, corner, settings)


def strongest_apart(marks: list[Mark], apart_mm: float) -> list[Mark]:
    """The highest marks, none nearer than `apart_mm` to a higher one."""
    ordered = sorted(marks, key=lambda each: -each.score)
    places = np.array([each.place_lps_mm for each in ordered]).reshape(-1, 3)
    undecided = np.ones(len(ordered), dtype=bool)
    kept: list[Mark] = []
    for number, mark in enumerate(ordered):
        if undecided[number]:
            kept.append(mark)
            undecided &= np.linalg.norm(places - mark.place_lps_mm, axis=1) >= apart_mm
    return kept


def seen_again(
    volume: Volume, network: Network, marks: Sequence[Mark], settings: Settings
) -> list[Mark]:
    """The marks as the network sees them in the middle of a cube, highest first.

    What lies near the rim of a cube is scored too low and too unsurely, because the network sees
    one side of it only. What it then scores with `mirrored_from` or more it is shown mirrored too,
    and the mean of both answers counts. What ends below the floor is no mark.

    Raises:
        AnalysisError: as `answers`.
    """
    middle = (settings.cube - 1) / 2 * settings.spacing_mm
    corners = [mark.place_lps_mm - middle for mark in marks]
    said = list(answers(network, cubes_at(volume, corners, settings), settings))
    marked = [_middle_mark(*each, settings) for each in zip(said, corners, strict=True)]
    promising = [n for n, mark in enumerate(marked) if mark.score >= settings.mirrored_from]
    asked = cubes_at(volume, [corners[n] for n in promising], settings)
    mirrored = answers(network, (np.flip(cube, LATERAL) for cube in asked), settings)
    for number, answer in zip(promising, mirrored, strict=True):
        mean = np.asarray((said[number] + np.flip(answer, LATERAL)) / 2, dtype=np.float32)
        marked[number] = _middle_mark(mean, corners[number], settings)
    again = [mark for mark in marked if mark.score >= settings.floor]
    return strongest_apart(again, settings.apart_mm)


def _middle_mark(
    answer: NDArray[np.float32], corner: NDArray[np.float64], settings: Settings
) -> Mark:
    """The highest cell near the middle of a cube."""
    cells = answer.shape[-1]
    reach = round(REACH_MM / settings.spacing_mm / settings.cell)
    near = slice(max(0, (cells - 1) // 2 - reach), cells // 2 + reach + 1)
    part = answer[0, near, near, near]
    cell = np.array(np.unravel_index(part.argmax(), part.shape)) + near.start
    return _mark(answer, cell, corner, settings)


def _mark(
    answer: NDArray[np.float32],
    cell: NDArray[np.int64],
    corner: NDArray[np.float64],
    settings: Settings,
) -> Mark:
    heat, types = answer[0], answer[1:]
    voxel = _balanced(heat, cell) * settings.cell + (settings.cell - 1) / 2
    place = corner + voxel[::-1] * settings.spacing_mm
    return Mark(float(heat[tuple(cell)]), place, _around(types, cell))


def _around(types: NDArray[np.float32], cell: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean probability of each type in a cell and its neighbours."""
    z, y, x = _neighbours(cell)
    return np.asarray(types[:, z, y, x].mean(axis=(1, 2, 3)))


def _balanced(heat: NDArray[np.float32], cell: NDArray[np.int64]) -> NDArray[np.float64]:
    """The centre of weight of a peak and its neighbours, in cells."""
    part = heat[_neighbours(cell)].astype(np.float64)
    return np.asarray(np.maximum(cell - 1, 0) + np.array(ndimage.center_of_mass(part)))


def _neighbours(cell: NDArray[np.int64]) -> tuple[slice, slice, slice]:
    z, y, x = (slice(max(0, int(at) - 1), int(at) + 2) for at in cell)
    return z, y, x
