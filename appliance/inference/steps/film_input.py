"""A film as the network sees it: one square of fixed size, and the way back to the film's pixels.

Resizing weighs every pixel by a triangle as wide as the reduction (area averaging that also
serves for enlarging), so a film of 3,000 px and the same film of 400 px give the same square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from appliance.errors import AnalysisError

_FLATTEST = 1e-4
"""A film whose grey values span less of the scale than this shows nothing."""
_TEXTURE = 0.004
"""Neighbourhoods that vary less than this share of the span are border or air."""
_RIM = 3
"""Pixels beside what is flat that do not count either: the sharp edge of a border is texture."""
_LEAST_SHOWN = 0.02


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A film within a square; the rest is zero.

    square: float32 in [0, 1], shape (side, side).
    scale: pixels of the square for one pixel of the film.
    top, left: where the film begins in the square; height, width: how much of it it fills.
    """

    square: NDArray[np.float32]
    scale: float
    top: int
    left: int
    height: int
    width: int

    @property
    def shown(self) -> NDArray[np.float32]:
        """What of the square the film fills."""
        return self.square[self.top : self.top + self.height, self.left : self.left + self.width]

    def to_film(self, column: float, row: float) -> tuple[float, float]:
        """(column, row) in the square → (column, row) in the film, both from the outer corner."""
        return (column - self.left) / self.scale, (row - self.top) / self.scale


def letterbox(pixels: NDArray[np.float32], side: int) -> Letterbox:
    """Window a film by what it shows and fit it, centred, into a square.

    pixels: float32, shape (rows, columns), brighter = denser.
    Raises `AnalysisError` film-blank where there is nothing to see.
    """
    rows, columns = pixels.shape
    scale = side / max(rows, columns)
    height = max(1, round(rows * scale))
    width = max(1, round(columns * scale))
    small = resize(pixels, height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side), dtype=np.float32)
    square[top : top + height, left : left + width] = window(small)
    return Letterbox(square, scale, top, left, height, width)


def resize(pixels: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(rows, columns) → (height, width), float32."""
    rows, columns = pixels.shape
    across = np.asarray(_weights(rows, height) @ pixels)
    along: NDArray[np.float32] = np.asarray(_weights(columns, width) @ across.T, dtype=np.float32)
    return np.ascontiguousarray(along.T)


def window(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch grey values to [0, 1] by the places that have texture.

    Shutters, borders and air are flat: they take no part, so that a white border or a deep black
    background does not decide how bright bone is.
    """
    span = float(pixels.max()) - float(pixels.min())
    if not _FLATTEST < span < np.inf:  # also true for not-a-number
        raise AnalysisError("film-blank")
    mean = ndimage.uniform_filter(pixels, 5)
    spread = ndimage.uniform_filter(np.square(pixels), 5) - np.square(mean)
    flat = spread <= (_TEXTURE * span) ** 2
    shown = pixels[~ndimage.binary_dilation(flat, iterations=_RIM)]
    if shown.size < _LEAST_SHOWN * pixels.size:
        shown = pixels
    low, high = np.percentile(shown, (0.5, 99.5))
    if not high - low > _FLATTEST:
        raise AnalysisError("film-blank")
    stretched: NDArray[np.float32] = np.clip((pixels - low) / (high - low), 0.0, 1.0)
    return stretched.astype(np.float32)


def _weights(old: int, new: int) -> sparse.csr_matrix:
    """Sparse (new, old): each row holds a triangle that sums to one."""
    step = old / new
    reach = max(step, 1.0)
    centre = (np.arange(new) + 0.5) * step
    first = np.floor(centre - reach).astype(np.int64)
    taps = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weight = np.maximum(0.0, 1.0 - np.abs(taps + 0.5 - centre[:, None]) / reach)
    weight[(taps < 0) | (taps >= old)] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    row = np.repeat(np.arange(new), taps.shape[1])
    held = weight.ravel() > 0
    return sparse.csr_matrix(
        (weight.ravel()[held].astype(np.float32), (row[held], taps.ravel()[held])),
        shape=(new, old),
    )
