"""Reader `ct-bone-patches`: a CT of the chest, looked at cube by cube along its bones.

Find the thorax's bone coarsely, cover it with as few cubes as it takes, resample each cube in the
patient's frame, let the network mark cells of it, and keep the highest mark of each neighbourhood.
Then the whole chest tells which bone each mark lies on. A network may also say of each cell which
type a fracture there would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Bone, Detection, FractureType, Side, VolumeRegion
from appliance.errors import AnalysisError, PackError
from appliance.imaging import Image, Volume
from appliance.inference.anatomy import named_by_place
from appliance.inference.steps import Network, Parameters, register
from appliance.inference.steps.ct_bone_mask import find_thorax
from appliance.inference.steps.ct_settings import Settings
from appliance.inference.steps.ct_tiles import covering_corners, cut_cube
from appliance.inference.steps.platt import calibrated

WINDOW_HU = (-500.0, 1300.0)
SMALLEST_SPREAD = 1e-6
"""Of all scores of a scan; a network that answers the same everywhere is broken."""
ROUNDING = 1e-4
"""By which a runtime's probabilities may leave [0, 1]."""
MIDLINE_MM = 10.0
"""Nearer than this to the plane between left and right, a side is not named."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One cell whose score is the highest round it, and the probability of each type.

    score: as the network says it, before calibration.
    """

    score: float
    place_lps_mm: NDArray[np.float64]
    types: NDArray[np.float32]


def normalised(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hounsfield units → the network's input, about [-1, 1]."""
    low, high = WINDOW_HU
    return ((np.clip(hu, low, high) - (low + high) / 2) / ((high - low) / 2)).astype(np.float32)


def read(image: Image, network: Network, parameters: Parameters) -> tuple[Detection, ...]:
    """Detections in a CT volume, highest score first; regions in LPS mm.

    Raises:
        PackError: `reader-image` for a film, `reader-parameters`.
        AnalysisError: `thorax-not-recognised`; `network-answer-invalid` for scores that are not
            finite, not in [0, 1], or the same everywhere.
    """
    if not isinstance(image, Volume):
        raise PackError("reader-image", "ct-bone-patches reads volumes")
    settings = Settings.of(parameters)
    thorax = find_thorax(image)
    core_mm = (settings.cube - 2 * settings.margin) * settings.spacing_mm
    corners = covering_corners(thorax.bone_lps_mm, core_mm) - settings.margin * settings.spacing_mm
    marks: list[Mark] = []
    lowest, highest = np.inf, -np.inf
    for some, answers in _answers(image, network, corners, settings):
        scores = answers[:, 0]
        lowest, highest = min(lowest, float(scores.min())), max(highest, float(scores.max()))
        for corner, answer in zip(some, answers, strict=True):
            marks += _marks(answer, corner, settings)
    if highest - lowest < SMALLEST_SPREAD:
        raise AnalysisError("network-answer-invalid", "the same everywhere")
    kept = strongest_apart(marks, settings.apart_mm)
    found = tuple(_detection(mark, thorax.midline_x_mm, settings) for mark in kept)
    return named_by_place(image, found)


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


def _answers(
    volume: Volume, network: Network, corners: NDArray[np.float64], settings: Settings
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Corners of some cubes with the answers (n, 1 + types, cells, cells, cells) to the same."""
    edge = settings.cube
    for start in range(0, len(corners), settings.batch):
        some = corners[start : start + settings.batch]
        # The last batch is filled up with air: the network's batch size is fixed.
        batch = np.full((settings.batch, 1, edge, edge, edge), -1.0, dtype=np.float32)
        for n, corner in enumerate(some):
            batch[n, 0] = normalised(cut_cube(volume, corner, edge, settings.spacing_mm))
        answer = np.asarray(network(batch))
        cells = edge // settings.cell
        if answer.shape != (settings.batch, 1 + len(settings.types), cells, cells, cells):
            raise AnalysisError("network-answer-invalid", f"shape {answer.shape}")
        if not np.isfinite(answer).all():
            raise AnalysisError("network-answer-invalid", "not finite")
        if answer.min() < -ROUNDING or answer.max() > 1 + ROUNDING:
            values = f"from {answer.min():.3g} to {answer.max():.3g}"
            raise AnalysisError("network-answer-invalid", values)
        answer = np.clip(answer, 0, 1)
        yield some, answer[: len(some)]


def _marks(
    answer: NDArray[np.float32], corner: NDArray[np.float64], settings: Settings
) -> Iterator[Mark]:
    heat, types = answer[0], answer[1:]
    if np.ptp(heat) < SMALLEST_SPREAD:
        return
    believed = np.zeros(heat.shape, dtype=bool)
    rim = settings.margin // settings.cell
    inner = slice(rim, -rim or None)
    believed[inner, inner, inner] = True
    peaks = (heat == ndimage.maximum_filter(heat, 3)) & (heat >= settings.floor) & believed
    for cell in np.argwhere(peaks):
        score = float(heat[tuple(cell)])
        voxel = _balanced(heat, cell) * settings.cell + (settings.cell - 1) / 2
        place = corner + voxel[::-1] * settings.spacing_mm
        yield Mark(score, place, _around(types, cell))


def _around(types: NDArray[np.float32], cell: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean probability of each type in a cell and its neighbours."""
    first = np.maximum(cell - 1, 0)
    z, y, x = (slice(int(a), int(b) + 2) for a, b in zip(first, cell, strict=True))
    return np.asarray(types[:, z, y, x].mean(axis=(1, 2, 3)))


def type_of(probabilities: NDArray[np.float32], settings: Settings) -> FractureType:
    """The likeliest type; unspecified where it is not sure enough."""
    if not len(probabilities):
        return FractureType.UNSPECIFIED
    likeliest = int(probabilities.argmax())
    is_sure = float(probabilities[likeliest]) >= settings.sure[likeliest]
    return settings.types[likeliest] if is_sure else FractureType.UNSPECIFIED


def _balanced(heat: NDArray[np.float32], cell: NDArray[np.int64]) -> NDArray[np.float64]:
    """The centre of weight of a peak and its neighbours, in cells."""
    first = np.maximum(cell - 1, 0)
    z, y, x = (slice(int(a), int(b) + 2) for a, b in zip(first, cell, strict=True))
    part = heat[z, y, x].astype(np.float64)
    return np.asarray(first + np.array(ndimage.center_of_mass(part)))


def _detection(mark: Mark, midline_x_mm: float, settings: Settings) -> Detection:
    x, y, z = (float(value) for value in mark.place_lps_mm)
    edge = settings.extent_mm
    return Detection(
        label=settings.label,
        score=float(calibrated(mark.score, settings.slope, settings.offset)),
        region=VolumeRegion((x, y, z), (edge, edge, edge)),
        bone=Bone.RIB,
        type=type_of(mark.types, settings),
        side=_side(x - midline_x_mm),
    )


def _side(left_of_midline_mm: float) -> Side:
    if abs(left_of_midline_mm) < MIDLINE_MM:
        return Side.MIDLINE
    return Side.LEFT if left_of_midline_mm > 0 else Side.RIGHT


register("ct-bone-patches", read)
