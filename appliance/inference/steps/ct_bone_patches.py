"""Reader `ct-bone-patches`: a CT of the chest, looked at cube by cube along its bones.

Find the thorax's bone coarsely, cover it with as few cubes as it takes, resample each cube in the
patient's frame, let the network mark cells of it, and keep the highest mark of each neighbourhood.
The highest of these may be looked at once more, each in the middle of a cube of its own. Then the
whole chest tells which bone each mark lies on. A network may also say of each cell which type a
fracture there would be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.domain import Bone, Detection, FractureType, Side, VolumeRegion
from appliance.errors import AnalysisError, PackError
from appliance.imaging import Image, Volume
from appliance.inference.anatomy import named_by_place
from appliance.inference.steps import Network, Parameters, register
from appliance.inference.steps.ct_answers import answers, cubes_at
from appliance.inference.steps.ct_bone_mask import find_thorax
from appliance.inference.steps.ct_marks import (
    SMALLEST_SPREAD,
    Mark,
    marks_of,
    seen_again,
    strongest_apart,
)
from appliance.inference.steps.ct_settings import Settings
from appliance.inference.steps.ct_tiles import covering_corners
from appliance.inference.steps.platt import calibrated

MIDLINE_MM = 10.0
"""Nearer than this to the plane between left and right, a side is not named."""


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
    kept = strongest_apart(
        _first_seen(image, network, thorax.bone_lps_mm, settings), settings.apart_mm
    )
    if settings.again:
        kept = seen_again(image, network, kept[: settings.again], settings)
    found = tuple(_detection(mark, thorax.midline_x_mm, settings) for mark in kept)
    return named_by_place(image, found)


def _first_seen(
    volume: Volume, network: Network, bone_lps_mm: NDArray[np.float64], settings: Settings
) -> list[Mark]:
    """What is marked in the cubes that cover the bone (n, 3)."""
    core_mm = (settings.cube - 2 * settings.margin) * settings.spacing_mm
    corners = covering_corners(bone_lps_mm, core_mm) - settings.margin * settings.spacing_mm
    marks: list[Mark] = []
    lowest, highest = np.inf, -np.inf
    said = answers(network, cubes_at(volume, corners, settings), settings)
    for corner, answer in zip(corners, said, strict=True):
        lowest = min(lowest, float(answer[0].min()))
        highest = max(highest, float(answer[0].max()))
        marks += marks_of(answer, corner, settings)
    if highest - lowest < SMALLEST_SPREAD:
        raise AnalysisError("network-answer-invalid", "the same everywhere")
    return marks


def type_of(probabilities: NDArray[np.float32], settings: Settings) -> FractureType:
    """The likeliest type; unspecified where it is not sure enough."""
    if not len(probabilities):
        return FractureType.UNSPECIFIED
    likeliest = int(probabilities.argmax())
    is_sure = float(probabilities[likeliest]) >= settings.sure[likeliest]
    return settings.types[likeliest] if is_sure else FractureType.UNSPECIFIED


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
