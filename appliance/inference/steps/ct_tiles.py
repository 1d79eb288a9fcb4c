"""Cubes of a CT in the patient's own frame, and how few of them cover a set of points."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.imaging import Volume

SMOOTH_FROM = 2
"""Voxels in one step of the cube from which they are averaged first; else all noise would stay."""


def covering_corners(points_lps_mm: NDArray[np.float64], core_mm: float) -> NDArray[np.float64]:
    """Lower corners of cubes with an edge of `core_mm` that together hold every point.

    Sweeps: slabs along one axis, in each slab strips along another, in each strip cubes, each
    beginning at the first point that is still uncovered. Of the orders of axes that which takes
    the fewest cubes.

    points_lps_mm: shape (n, 3). Returns shape (m, 3), (x, y, z) in LPS mm.
    """
    return min((_swept(points_lps_mm, core_mm, order) for order in permutations(range(3))), key=len)


def _swept(
    points: NDArray[np.float64], core_mm: float, order: tuple[int, ...]
) -> NDArray[np.float64]:
    first, second, third = order
    corners = []
    for slab in _runs(points, first, core_mm):
        for strip in _runs(slab, second, core_mm):
            for cube in _runs(strip, third, core_mm):
                corner = np.empty(3)
                corner[first] = slab[:, first].min()
                corner[second] = strip[:, second].min()
                corner[third] = cube[:, third].min()
                corners.append(corner)
    return np.array(corners, dtype=np.float64).reshape(-1, 3)


def _runs(points: NDArray[np.float64], axis: int, length: float) -> list[NDArray[np.float64]]:
    ordered = points[np.argsort(points[:, axis], kind="stable")]
    values = ordered[:, axis]
    runs, start = [], 0
    while start < len(values):
        end = int(np.searchsorted(values, values[start] + length, side="right"))
        runs.append(ordered[start:end])
        start = end
    return runs


def cut_cube(
    volume: Volume, corner_lps_mm: NDArray[np.float64], edge: int, spacing_mm: float
) -> NDArray[np.float32]:
    """Resample one cube to `edge`³ voxels of `spacing_mm`, linearly.

    Beyond the volume its rim goes on.

    corner_lps_mm: centre of voxel (0, 0, 0). Returns HU, axes (superior, posterior, left).
    """
    step = np.zeros((3, 3))
    step[2, 0] = step[1, 1] = step[0, 2] = spacing_mm
    matrix = np.asarray(np.linalg.solve(volume.axes, step), dtype=np.float64)
    start = volume.to_index(corner_lps_mm)
    reach = matrix * (edge - 1)
    low = start + np.minimum(reach, 0).sum(axis=1)
    high = start + np.maximum(reach, 0).sum(axis=1)
    shape = np.array(volume.voxels.shape)
    first = np.clip(np.floor(low).astype(int) - 2, 0, shape - 1)
    last = np.clip(np.ceil(high).astype(int) + 3, first + 1, shape)
    part = volume.voxels[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    source = part.astype(np.float32)
    for axis, each in enumerate(volume.spacing_mm):
        if (voxels := round(spacing_mm / each)) >= SMOOTH_FROM:
            source = ndimage.uniform_filter1d(source, voxels, axis=axis)
    return np.asarray(
        ndimage.affine_transform(
            source,
            _diagonal_or_full(matrix),
            offset=start - first,
            output_shape=(edge, edge, edge),
            order=1,
            mode="nearest",
        )
    )


def _diagonal_or_full(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """SciPy takes its quick separable path only for a matrix that is given as its diagonal."""
    diagonal = np.diag(matrix)
    return diagonal if np.allclose(matrix, np.diag(diagonal), atol=1e-9) else matrix
