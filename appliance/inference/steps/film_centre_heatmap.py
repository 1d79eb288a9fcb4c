"""Reader `film-centre-heatmap`: one radiograph, also mirrored, a box for each peak of the heat.

The network maps (1, 1, side, side) to (1, 5 or 6, side / stride, side / stride): channel 0 is the
heat in [0, 1]; 1 to 4 are ln of the reach from the cell's centre to the left, top, right and
bottom of the box, as shares of the side (CenterNet with the boxes of FCOS; arXiv 1904.07850,
1904.01355). Channel 5, where there is one, is everywhere the chance that this is a film of the
kind that the network knows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Detection, FilmRegion
from appliance.errors import AnalysisError, PackError
from appliance.imaging import Film, Image
from appliance.inference.steps import Network, register
from appliance.inference.steps.film_chest import shows_chest
from appliance.inference.steps.film_input import Letterbox, letterbox
from appliance.inference.steps.film_settings import Settings, settings
from appliance.inference.steps.platt import calibrated

_SHAPES = ((1, 5), (1, 6))
"""Batch and channels of an answer."""
_SWAPPED = {1: (0, 1, 4, 3, 2, 5), 2: (0, 3, 2, 1, 4, 5)}
"""Axis of an answer → its channels once mirrored along it: what reached left reaches right."""
_FARTHEST = 0.7
"""ln(reach) above this would be a box twice the film: an answer that cannot be."""


def read(image: Image, network: Network, parameters: Mapping[str, object]) -> tuple[Detection, ...]:
    """Boxes in the film's own pixels, strongest first.

    Raises `AnalysisError`: film-blank, film-shows-chest, film-not-recognised,
    network-answer-invalid; `PackError`: reader-parameters.
    """
    if not isinstance(image, Film):
        raise PackError("reader-image", "film-centre-heatmap reads films")
    wanted = settings(parameters)
    fitted = letterbox(image.pixels, wanted.side)
    if wanted.refuses_chests and shows_chest(fitted.shown):
        raise AnalysisError("film-shows-chest")
    ways: list[tuple[int, ...]] = [(), (2,), (1,), (1, 2)] if wanted.mirrored else [()]
    said = np.mean([_seen(network, fitted.square, axes) for axes in ways], axis=0)
    known = float(said[5:].mean()) if len(said[5:]) else 1.0
    if known < wanted.least_known:
        raise AnalysisError("film-not-recognised", f"{known:.2f}")
    return decode(said, fitted, image.pixels.shape, wanted)


def _seen(
    network: Network, square: NDArray[np.float32], axes: tuple[int, ...]
) -> NDArray[np.float32]:
    """The answer to the square mirrored along these axes of an answer, mirrored back."""
    said = answer(network, np.flip(square, tuple(axis - 1 for axis in axes)))
    for axis in axes:
        said = np.flip(said, axis)[list(_SWAPPED[axis][: len(said)])]
    return said


def answer(network: Network, square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run the network on one square and refuse what no working network says; (5 or 6, h, w)."""
    said = np.asarray(network(np.ascontiguousarray(square[None, None])))
    if said.ndim != 4 or said.shape[:2] not in _SHAPES:  # noqa: PLR2004 - batch, channel, h, w
        raise AnalysisError("network-answer-invalid", f"shape {said.shape}")
    heat, reach, known = said[0, 0], said[0, 1:5], said[0, 5:]
    if not np.isfinite(said).all():
        raise AnalysisError("network-answer-invalid", "not finite")
    chances = np.concatenate([heat[None], known])
    if chances.min() < 0 or chances.max() > 1 or reach.max() > _FARTHEST:
        raise AnalysisError("network-answer-invalid", "out of range")
    if np.ptp(heat) == 0:
        raise AnalysisError("network-answer-invalid", "the same everywhere")
    return np.asarray(said[0], dtype=np.float32)


def decode(
    said: NDArray[np.float32], fitted: Letterbox, shape: tuple[int, ...], wanted: Settings
) -> tuple[Detection, ...]:
    """Peaks of the heat (5 or 6, h, w) → detections in the film of that shape (rows, columns)."""
    heat = calibrated(said[0], wanted.slope, wanted.offset)
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
    left, top, right, bottom = np.exp(said[1:5, row, column].astype(np.float64)) * side
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


register("film-centre-heatmap", read)
