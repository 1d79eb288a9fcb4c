"""Reader `film-centre-heatmap`: one radiograph, one network pass, a box for each peak of the heat.

The network maps (1, 1, side, side) to (1, 5, side / stride, side / stride): channel 0 is the heat
in [0, 1]; 1 to 4 are ln of the reach from the cell's centre to the left, top, right and bottom of
the box, as shares of the side (CenterNet with the boxes of FCOS; arXiv 1904.07850, 1904.01355).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Bone, Detection, FilmRegion
from appliance.errors import AnalysisError, PackError
from appliance.imaging import Film, Image
from appliance.inference.steps import Network, register
from appliance.inference.steps.film_input import Letterbox, letterbox

_CHANNELS = 5
_FARTHEST = 0.7
"""ln(reach) above this would be a box twice the film: an answer that cannot be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a pack says in `reader.parameters`."""

    side: int
    label: str
    bone: Bone
    least_score: float
    """Peaks below this are not returned at all; the operating point stands above it."""
    most: int
    overlap: float
    """A box that covers a stronger one by more than this intersection over union is dropped."""


def settings(parameters: Mapping[str, object]) -> Settings:
    """Take the parameters apart; `PackError` reader-parameters names the first that is wrong."""
    known = set(Settings.__dataclass_fields__)
    if set(parameters) != known:
        odd = ", ".join(sorted(set(parameters) ^ known))
        raise PackError("reader-parameters", f"missing or unknown: {odd}")
    try:
        return Settings(
            side=_whole(parameters["side"]),
            label=str(parameters["label"]),
            bone=Bone(str(parameters["bone"])),
            least_score=_share(parameters["least_score"]),
            most=_whole(parameters["most"]),
            overlap=_share(parameters["overlap"]),
        )
    except ValueError as wrong:
        raise PackError("reader-parameters", str(wrong)) from wrong


def read(image: Image, network: Network, parameters: Mapping[str, object]) -> tuple[Detection, ...]:
    """Boxes in the film's own pixels, strongest first.

    Raises `AnalysisError`: film-blank, network-answer-invalid; `PackError`: reader-parameters.
    """
    if not isinstance(image, Film):
        raise PackError("reader-image", "film-centre-heatmap reads films")
    wanted = settings(parameters)
    fitted = letterbox(image.pixels, wanted.side)
    return decode(answer(network, fitted.square), fitted, image.pixels.shape, wanted)


def answer(network: Network, square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run the network on one square and refuse what no working network says; (5, h, w)."""
    said = np.asarray(network(np.ascontiguousarray(square[None, None])))
    if said.ndim != 4 or said.shape[:2] != (1, _CHANNELS):  # noqa: PLR2004 - batch, channel, h, w
        raise AnalysisError("network-answer-invalid", f"shape {said.shape}")
    heat, reach = said[0, 0], said[0, 1:]
    if not np.isfinite(said).all():
        raise AnalysisError("network-answer-invalid", "not finite")
    if heat.min() < 0 or heat.max() > 1 or reach.max() > _FARTHEST:
        raise AnalysisError("network-answer-invalid", "out of range")
    if np.ptp(heat) == 0:
        raise AnalysisError("network-answer-invalid", "the same everywhere")
    return np.asarray(said[0], dtype=np.float32)


def decode(
    said: NDArray[np.float32], fitted: Letterbox, shape: tuple[int, ...], wanted: Settings
) -> tuple[Detection, ...]:
    """Peaks of the heat (5, h, w) → detections in the film of that shape (rows, columns)."""
    heat = said[0]
    peak = (heat == ndimage.maximum_filter(heat, 3)) & (heat >= wanted.least_score)
    rows, columns = np.nonzero(peak)
    kept: list[tuple[float, FilmRegion]] = []
    for index in np.argsort(-heat[rows, columns], kind="stable"):
        row, column = int(rows[index]), int(columns[index])
        region = _box(said, row, column, fitted, shape)
        if region is None or any(_overlap(region, other) > wanted.overlap for _, other in kept):
            continue
        kept.append((float(heat[row, column]), region))
        if len(kept) == wanted.most:
            break
    return tuple(Detection(wanted.label, score, region, wanted.bone) for score, region in kept)


def _box(
    said: NDArray[np.float32], row: int, column: int, fitted: Letterbox, shape: tuple[int, ...]
) -> FilmRegion | None:
    """The box of one cell, cut to the film; None where the cell lies outside the film."""
    side = fitted.square.shape[0]
    stride = side / said.shape[1]
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    middle = fitted.to_film(x, y)
    if not (0 <= middle[0] <= shape[1] and 0 <= middle[1] <= shape[0]):
        return None
    left, top, right, bottom = np.exp(said[1:, row, column].astype(np.float64)) * side
    x0, y0 = fitted.to_film(x - left, y - top)
    x1, y1 = fitted.to_film(x + right, y + bottom)
    return FilmRegion(
        float(np.clip(x0, 0, shape[1])),
        float(np.clip(y0, 0, shape[0])),
        float(np.clip(x1, 0, shape[1])),
        float(np.clip(y1, 0, shape[0])),
    )


def _overlap(a: FilmRegion, b: FilmRegion) -> float:
    """Intersection over union."""
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    whole = sum((r.right - r.left) * (r.bottom - r.top) for r in (a, b)) - shared
    return shared / whole


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("side and most are whole numbers from 1 on")
    return value


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("least_score and overlap lie between 0 and 1")
    return float(value)


register("film-centre-heatmap", read)
