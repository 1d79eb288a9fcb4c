"""Where a region lies on the slices of a volume, and how to turn slices so that people know them.

Pictures follow the radiological convention: the patient's right at the viewer's left, anterior (in
axial slices) or head (in coronal views) at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from appliance.domain import VolumeRegion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from appliance.imaging import Volume


@dataclass(frozen=True, slots=True)
class IndexBox:
    """A region in the volume's array: centre and half sizes as (slice, row, column), in voxels."""

    centre: NDArray[np.float64]
    half: NDArray[np.float64]


def index_box(volume: Volume, region: VolumeRegion) -> IndexBox:
    """The box in voxels that encloses the region, its centre held inside the volume."""
    centre = volume.to_index(np.array(region.centre_lps_mm, dtype=np.float64))
    last = np.array(volume.voxels.shape, dtype=np.float64) - 1.0
    spacing = np.array(volume.spacing_mm)
    directions = np.abs(volume.axes / spacing)
    half_mm = 0.5 * np.array(region.extent_lps_mm, dtype=np.float64) @ directions
    return IndexBox(np.clip(centre, 0.0, last), half_mm / spacing)


def slice_rectangle(volume: Volume, region: VolumeRegion) -> NDArray[np.float64]:
    """The region's outline on the slice nearest its centre.

    Returns LPS mm, shape (5, 3): a closed polygon, the last point the first again.
    """
    box = index_box(volume, region)
    level = np.round(box.centre[0])
    (_, row, column), (_, half_row, half_column) = box.centre, box.half
    corners = np.array(
        [
            [level, row - half_row, column - half_column],
            [level, row - half_row, column + half_column],
            [level, row + half_row, column + half_column],
            [level, row + half_row, column - half_column],
        ]
    )
    points = volume.to_lps(corners)
    return np.vstack([points, points[:1]])


@dataclass(frozen=True, slots=True)
class Turn:
    """How an axial slice is turned for show: flips along (slice, row, column)."""

    head_down: bool
    posterior_up: bool
    left_at_left: bool


def turn_of(volume: Volume) -> Turn:
    """The flips that bring head up, anterior up and the patient's right to the viewer's left."""
    slice_axis, row_axis, column_axis = volume.axes.T
    return Turn(
        head_down=bool(slice_axis[2] > 0.0),
        posterior_up=bool(row_axis[1] < 0.0),
        left_at_left=bool(column_axis[0] < 0.0),
    )


def show_axial(pixels: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """An axial slice (rows, columns), turned for show."""
    turned = pixels[::-1] if turn.posterior_up else pixels
    return turned[:, ::-1] if turn.left_at_left else turned


def show_coronal(pixels: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """A coronal view (slices, columns), turned for show."""
    turned = pixels[::-1] if turn.head_down else pixels
    return turned[:, ::-1] if turn.left_at_left else turned


def flipped(position: float, size: int, *, flip: bool) -> float:
    """A position along an axis of that many voxels (centres at whole numbers), after a flip."""
    return size - 1 - position if flip else position
