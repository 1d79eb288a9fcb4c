"""Pixels with their geometry, as decoding hands them to inference and to the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Volume:
    """A CT series as one regular grid.

    voxels: int16 Hounsfield units, shape (slices, rows, columns); slice 0 is the lowest along the
    slice normal.
    origin_lps_mm: centre of voxel (0, 0, 0). shape (3,)
    axes: 3x3 float64; column n is the LPS step in mm for one voxel along array axis n
    (slice, row, column).
    """

    voxels: NDArray[np.int16]
    origin_lps_mm: NDArray[np.float64]
    axes: NDArray[np.float64]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbours along (slice, row, column), in mm."""
        lengths = np.linalg.norm(self.axes, axis=0)
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]))

    def to_lps(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Array indices (..., 3) as (slice, row, column) → LPS mm (..., 3)."""
        return self.origin_lps_mm + np.asarray(index, dtype=np.float64) @ self.axes.T

    def to_index(self, point_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """LPS mm (..., 3) → fractional array indices (..., 3)."""
        offset = np.asarray(point_lps_mm, dtype=np.float64) - self.origin_lps_mm
        return np.asarray(np.linalg.solve(self.axes, offset[..., None])[..., 0])


@dataclass(frozen=True, slots=True)
class Film:
    """One radiograph, brighter = denser (MONOCHROME1 already inverted).

    pixels: float32 in [0, 1], shape (rows, columns).
    spacing_mm: (between rows, between columns) at the detector, or None where unknown.
    """

    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float] | None


Image = Volume | Film
