"""The chest at about 2 mm, its array axes along the patient's: bones are told apart on this."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.imaging import Volume
from appliance.inference.steps.ct_bone_mask import block_means

STEP_MM = 2.0
LOWEST_HU, HIGHEST_HU = -1024.0, 2000.0
"""Padding outside the scanner's circle, and metal, say nothing more."""


@dataclass(frozen=True, slots=True)
class Coarse:
    """A CT on a coarse grid.

    hu: axes (up, back, left) as near to the patient's as a permutation and mirrors bring them.
        float32, shape (z, y, x)
    origin_lps_mm: centre of voxel (0, 0, 0); axes: column n is the LPS step along array axis n.
    """

    hu: NDArray[np.float32]
    origin_lps_mm: NDArray[np.float64]
    axes: NDArray[np.float64]

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Distance of neighbours along (up, back, left)."""
        return np.asarray(np.linalg.norm(self.axes, axis=0))

    def to_lps(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Array indices (..., 3) → LPS mm (..., 3)."""
        return self.origin_lps_mm + np.asarray(index, dtype=np.float64) @ self.axes.T

    def to_index(self, point_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """LPS mm (..., 3) → fractional array indices (..., 3)."""
        offset = np.asarray(point_lps_mm, dtype=np.float64) - self.origin_lps_mm
        return np.asarray(np.linalg.solve(self.axes, offset[..., None])[..., 0])


def coarse_of(volume: Volume) -> Coarse:
    """Average blocks of voxels and turn the array; whatever does not fill a block is left out."""
    slices, rows, columns = (max(1, round(STEP_MM / each)) for each in volume.spacing_mm)
    size = np.array((slices, rows, columns))
    means = np.clip(block_means(volume.voxels, (slices, rows, columns)), LOWEST_HU, HIGHEST_HU)
    origin, axes = volume.to_lps((size - 1) / 2), volume.axes * size
    # up is +z in LPS, back is +y, left is +x
    order = _nearest_order(axes)
    means, axes = means.transpose(order), axes[:, order]
    for axis, patient in enumerate((2, 1, 0)):
        if axes[patient, axis] < 0:
            means = np.flip(means, axis)
            origin = origin + axes[:, axis] * (means.shape[axis] - 1)
            axes = axes * np.where(np.arange(3) == axis, -1.0, 1.0)
    return Coarse(np.ascontiguousarray(means), origin, axes)


def _nearest_order(axes: NDArray[np.float64]) -> list[int]:
    """Which array axis runs most along the patient's z, y and x; each is used once."""
    share = np.abs(axes) / np.linalg.norm(axes, axis=0)
    up = int(np.argmax(share[2]))
    back = max((axis for axis in range(3) if axis != up), key=lambda axis: float(share[1, axis]))
    return [up, back, 3 - up - back]
