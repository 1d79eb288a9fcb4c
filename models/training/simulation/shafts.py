"""Find shafts of tubular bones on a radiograph: bright ridges that run straight for a while.

The finder is there to make training examples, so it may miss bones and may not invent too many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.training.simulation.film import Shaft

Pixels = NDArray[np.float32]

_REDUCED = 400
"""Longest side, in pixels, at which ridges are sought."""
_WIDTHS = (3.0, 4.5, 6.5, 9.5, 13.0)
"""Half widths sought, in reduced pixels."""
_TRIES = 60


def find_shaft(pixels: Pixels, rng: np.random.Generator) -> Shaft | None:
    """A random shaft, or None where no ridge looks like one.

    pixels: float32, shape (rows, columns), brighter = denser.
    """
    scale = min(1.0, _REDUCED / max(pixels.shape))
    small = ndimage.zoom(ndimage.gaussian_filter(pixels, 0.4 / scale), scale, order=1)
    small = (small - small.min()) / max(float(np.ptp(small)), 1e-6)
    for sigma in rng.permutation(_WIDTHS):
        strength, direction = _ridges(small, sigma)
        margin = int(4 * sigma)
        inner = np.zeros_like(strength)
        inner[margin:-margin, margin:-margin] = strength[margin:-margin, margin:-margin]
        rows, columns = np.nonzero(inner > 0.035)
        if not rows.size:
            continue
        for _ in range(_TRIES // len(_WIDTHS)):
            pick = rng.integers(rows.size)
            row, column = float(rows[pick]), float(columns[pick])
            found = _fit(small, row, column, direction[rows[pick], columns[pick]], sigma)
            if found is not None and _runs_on(strength, direction, found, sigma):
                return Shaft(
                    (found.column + 0.5) / scale - 0.5,
                    (found.row + 0.5) / scale - 0.5,
                    found.direction + (np.pi if rng.random() < 0.5 else 0.0),
                    found.half_width / scale,
                )
    return None


def _ridges(image: Pixels, sigma: float) -> tuple[Pixels, Pixels]:
    """How ridge-like each pixel is at that scale (0 for none), and where the ridge runs."""
    rr = ndimage.gaussian_filter(image, sigma, order=(2, 0)) * sigma**2
    cc = ndimage.gaussian_filter(image, sigma, order=(0, 2)) * sigma**2
    rc = ndimage.gaussian_filter(image, sigma, order=(1, 1)) * sigma**2
    middle, half = (rr + cc) / 2, np.sqrt(((rr - cc) / 2) ** 2 + rc**2)
    sharp, flat = middle - half, middle + half
    strength = np.where(np.abs(flat) < 0.25 * np.abs(sharp), -sharp, 0).clip(0)
    # the ridge runs along the eigenvector of the flatter curvature
    direction = 0.5 * np.arctan2(2 * rc, cc - rr)
    return strength, direction


def _fit(image: Pixels, row: float, column: float, direction: float, sigma: float) -> Shaft | None:
    """Centre the site between the bone's two edges and measure its width."""
    along = np.arange(-2 * sigma, 2 * sigma + 1)
    across = np.arange(-2.6 * sigma, 2.6 * sigma + 0.25, 0.5)
    cos, sin = np.cos(direction), np.sin(direction)
    at_row = row + along[:, None] * sin + across[None] * cos
    at_column = column + along[:, None] * cos - across[None] * sin
    profile = ndimage.map_coordinates(image, [at_row, at_column], order=1).mean(axis=0)
    slope = np.gradient(ndimage.gaussian_filter1d(profile, 1.0))
    middle = across.size // 2
    rise, fall = int(np.argmax(slope[:middle])), middle + int(np.argmin(slope[middle:]))
    up, down = slope[rise], -slope[fall]
    half = (across[fall] - across[rise]) / 2
    inside = profile[rise : fall + 1].mean()
    before, after = inside - profile[: rise + 1].min(), inside - profile[fall:].min()
    # one cortex alone, or the skin, has marrow or air on one side only
    even = min(up, down) > 0.45 * max(up, down) and min(before, after) > 0.5 * max(before, after)
    if not even or min(before, after) < 0.05 or not 0.6 * sigma < half < 1.7 * sigma:
        return None
    offset = (across[fall] + across[rise]) / 2
    return Shaft(column - offset * sin, row + offset * cos, float(direction), float(half))


def _runs_on(strength: Pixels, direction: Pixels, shaft: Shaft, sigma: float) -> bool:
    """Whether the ridge goes on in the same direction to both sides."""
    step = np.array([-3.5, -2, -1, 1, 2, 3.5]) * sigma
    rows = np.rint(shaft.row + step * np.sin(shaft.direction)).astype(int)
    columns = np.rint(shaft.column + step * np.cos(shaft.direction)).astype(int)
    if rows.min() < 0 or columns.min() < 0:
        return False
    if rows.max() >= strength.shape[0] or columns.max() >= strength.shape[1]:
        return False
    turned = np.abs(np.sin(direction[rows, columns] - shaft.direction))
    here = strength[int(shaft.row), int(shaft.column)]
    return bool(here > 0 and (strength[rows, columns] > 0.4 * here).all() and turned.max() < 0.2)
