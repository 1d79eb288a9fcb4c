"""The regular grid that ordered slices lie on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.domain import FrameFacts
from appliance.errors import DecodeError

_LEAST_SLICES = 2


def grid_of(slices: Sequence[FrameFacts]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Origin (3,) and axes (3, 3) in LPS mm, as `appliance.imaging.Volume` has them.

    The step between slices is where the slices really lie, not the slice normal: under gantry tilt
    the axes are oblique to each other, and positions stay right.

    Raises DecodeError("geometry-missing") when a slice does not say where it lies.
    """
    first, last = slices[0], slices[-1]
    spacing, row, column = first.pixel_spacing_mm, first.row_direction, first.column_direction
    if spacing is None or row is None or column is None or len(slices) < _LEAST_SLICES:
        raise DecodeError("geometry-missing")
    if first.position_lps_mm is None or last.position_lps_mm is None:
        raise DecodeError("geometry-missing")
    origin = np.array(first.position_lps_mm, dtype=np.float64)
    step = (np.array(last.position_lps_mm, dtype=np.float64) - origin) / (len(slices) - 1)
    # DICOM: the row direction is along a row, so it is the step from column to column.
    axes = np.stack([step, np.array(column) * spacing[0], np.array(row) * spacing[1]], axis=1)
    if abs(np.linalg.det(axes)) < np.finfo(np.float64).eps:
        raise DecodeError("geometry-missing", "slices in one place")
    return origin, axes
