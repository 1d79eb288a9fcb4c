"""A small chest made of shapes: body, two lungs, spine, and ribs as bent tubes with marrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.imaging import Volume

SPACING_MM = (3.0, 2.0, 2.0)
SHAPE = (44, 130, 160)
RIB_LEVELS_MM = (30.0, 55.0, 80.0, 105.0)
MIDLINE_X_MM = 12.0
BODY_Y_MM = -5.0
LUNG_HU, SOFT_HU, BONE_HU, MARROW_HU = -820, 40, 700, 250


@dataclass(frozen=True, slots=True)
class Thorax:
    """The volume, and the voxels of all its ribs."""

    volume: Volume
    ribs: NDArray[np.bool_]


def thorax(seed: int = 0) -> Thorax:
    """132 mm high, 320 mm wide, noise of 10 HU; ribs are level arcs round both lungs."""
    between_slices, between_rows, between_columns = SPACING_MM
    axes = np.zeros((3, 3))
    axes[2, 0], axes[1, 1], axes[0, 2] = between_slices, between_rows, between_columns
    half = np.array([SHAPE[2] * between_columns, SHAPE[1] * between_rows]) / 2
    origin = np.array([MIDLINE_X_MM - half[0], BODY_Y_MM - half[1], 0.0])
    empty = Volume(np.zeros(SHAPE, dtype=np.int16), origin, axes)
    place = empty.to_lps(np.moveaxis(np.indices(SHAPE, dtype=np.float64), 0, -1))
    x, y, z = place[..., 0] - MIDLINE_X_MM, place[..., 1] - BODY_Y_MM, place[..., 2]
    hu = np.full(SHAPE, -1000.0)
    hu[(x / 145) ** 2 + (y / 105) ** 2 < 1] = SOFT_HU
    for side in (-1, 1):
        hu[((x - side * 60) / 45) ** 2 + (y / 70) ** 2 < 1] = LUNG_HU
    hu[x**2 + (y - 75) ** 2 < 18**2] = 300
    # Distance from an ellipse round the lungs, good enough near it.
    shell = (np.sqrt((x / 115) ** 2 + (y / 82) ** 2) - 1) * np.hypot(x, y)
    ribs = np.zeros(SHAPE, dtype=bool)
    for level in RIB_LEVELS_MM:
        across = np.hypot(shell, z - level)
        rib = (across < 6) & (np.abs(x) > 25)
        hu[rib] = BONE_HU
        hu[rib & (across < 3)] = MARROW_HU
        ribs |= rib
    noise = np.random.default_rng(seed).normal(0, 10, SHAPE)
    return Thorax(Volume((hu + noise).astype(np.int16), origin, axes), ribs)
