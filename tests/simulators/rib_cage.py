"""A chest of tubes: spinal canal, vertebrae, lungs, and ribs whose number is known.

Straight and even, unlike a patient; the first rib is small and turns forwards at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Detection, Side, VolumeRegion
from appliance.imaging import Volume

SPACING_MM = (2.5, 2.0, 2.0)
CANAL_X_MM, CANAL_Y_MM = 12.0, 60.0
LEVEL_MM = 26.0
"""From rib to rib along the spine."""
SLOPE_MM = 40.0
"""So much lower than at the spine a rib lies at its side."""
AIR, LUNG, SOFT, BONE, MARROW = -1000, -850, 40, 700, 250
HALF_WIDTH_MM, HALF_DEPTH_MM = 110.0, 78.0
FIRST_WIDTH_MM, FIRST_DEPTH_MM = 62.0, 42.0


@dataclass(frozen=True, slots=True)
class RibCage:
    """The volume, and a place on the lateral part of each rib, by side and number (LPS mm)."""

    volume: Volume
    lateral: dict[tuple[Side, int], NDArray[np.float64]]


def rib_cage(
    numbers: range, *, below_mm: float = 30.0, above_mm: float = 40.0, gap_mm: float = 0.0
) -> RibCage:
    """Ribs of these numbers on both sides.

    below_mm: spine shown below the last rib's beginning. gap_mm: cut out of each rib behind its
    lateral part, as of a fracture.
    """
    height = below_mm + (len(numbers) - 1) * LEVEL_MM + above_mm
    shape = (round(height / SPACING_MM[0]), 110, 136)
    axes = np.zeros((3, 3))
    axes[2, 0], axes[1, 1], axes[0, 2] = SPACING_MM
    origin = np.array((CANAL_X_MM - 136.0, CANAL_Y_MM - 170.0, -below_mm))
    empty = Volume(np.zeros(shape, dtype=np.int16), origin, axes)
    x, y = origin[0] + np.arange(shape[2]) * 2.0, (origin[1] + np.arange(shape[1]) * 2.0)[:, None]
    level = np.full((shape[1], shape[2]), float(AIR))
    aside, front = x - CANAL_X_MM, CANAL_Y_MM - y
    level[(aside / 128) ** 2 + ((front - 60) / 98) ** 2 < 1] = SOFT
    inside = (aside / (HALF_WIDTH_MM - 9)) ** 2 + ((front - 60) / (HALF_DEPTH_MM - 9)) ** 2 < 1
    level[inside & (np.abs(aside) > 26)] = LUNG
    hu = np.repeat(level[None], shape[0], axis=0)
    ribs = np.ones(shape, dtype=bool)
    lateral = {}
    for number in numbers:
        for side, towards in ((Side.RIGHT, -1.0), (Side.LEFT, 1.0)):
            z = float(numbers[-1] - number) * LEVEL_MM
            line, place = _rib(z, towards, is_first=number == 1, gap_mm=gap_mm)
            index = np.rint(empty.to_index(line)).astype(int)
            seen = ((index >= 0) & (index < shape)).all(axis=1)
            ribs[tuple(index[seen].T)] = False
            lateral[side, number] = place
    distance = ndimage.distance_transform_edt(ribs, sampling=SPACING_MM)
    hu[distance < 5.5] = BONE
    hu[distance < 2.5] = MARROW
    _vertebrae(hu, aside, front)
    noise = np.random.default_rng(0).normal(0, 12, shape)
    return RibCage(replace(empty, voxels=(hu + noise).astype(np.int16)), lateral)


def mark(place_lps_mm: NDArray[np.float64]) -> Detection:
    """A detection there, as a reader makes it."""
    x, y, z = (float(each) for each in place_lps_mm)
    return Detection("rib-fracture", 0.9, VolumeRegion((x, y, z), (25.0, 25.0, 25.0)))


def _rib(
    z_mm: float, towards: float, *, is_first: bool, gap_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points along one rib from the spine forwards, and one of them at its side."""
    width, depth = (FIRST_WIDTH_MM, FIRST_DEPTH_MM) if is_first else (HALF_WIDTH_MM, HALF_DEPTH_MM)
    angle = np.linspace(np.arcsin(20 / width), np.radians(150), 600)
    aside = width * np.sin(angle)
    # The first rib's back lies further in front, the others' behind the canal.
    front = (42.0 if is_first else 62.0) - depth * np.cos(angle)
    down = (SLOPE_MM / 2 if is_first else SLOPE_MM) * (1 - np.cos(angle)) ** 1.5
    height = z_mm - (8.0 if is_first else 0.0) - down
    points = np.stack((CANAL_X_MM + towards * aside, CANAL_Y_MM - front, height), axis=1)
    middle = int(np.argmin(np.abs(angle - np.pi / 2)))
    kept = np.linalg.norm(points - points[middle - 90], axis=1) >= gap_mm / 2 + 5.5 * (gap_mm > 0)
    return points[kept], points[middle]


def _vertebrae(
    hu: NDArray[np.float64], aside: NDArray[np.float64], front: NDArray[np.float64]
) -> None:
    """A column without discs: body in front, an arch round the canal."""
    arch = aside**2 + front**2
    body = (aside / 18) ** 2 + ((front - 26) / 15) ** 2 < 1
    hu[:, body] = MARROW
    hu[:, arch < 17**2] = BONE
    hu[:, arch < 9**2] = SOFT
