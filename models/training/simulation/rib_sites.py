"""Places on ribs where a fracture can be made, from a mask of rib bone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from appliance.domain import Bone, Side, Vector
from appliance.imaging import Volume

REACH_MM = 12.0
"""Radius of the piece of rib from which a site's direction is taken."""
ELONGATION = 2.6
"""Length to width (standard deviations) from which a piece counts as tubular."""
RIB_WIDTH_MM = (1.2, 6.5)
"""Standard deviations across, smallest and largest, that a rib can have."""


@dataclass(frozen=True, slots=True)
class RibSite:
    """One place on the shaft of a rib.

    along, outward: unit vectors in LPS, at right angles; outward leads away from the thorax.
    side, rib_number: as far as the mask's source knows them.
    """

    centre_lps_mm: Vector
    along: Vector
    outward: Vector
    bone: Bone = Bone.RIB
    side: Side = Side.UNDETERMINED
    rib_number: int | None = None


def sites_on_ribs(
    volume: Volume,
    rib: NDArray[np.bool_],
    *,
    axis_x_mm: float,
    axis_y_mm: float,
    count: int,
    rng: np.random.Generator,
    side: Side = Side.UNDETERMINED,
    rib_number: int | None = None,
) -> Iterator[RibSite]:
    """Up to `count` sites, at random, where the bone is tubular and goes on to both sides.

    rib: shape of the volume; one rib, or all of them where they are not told apart.
    axis_x_mm, axis_y_mm: LPS position of the thorax's long axis, from which outward is taken.
    """
    index = np.argwhere(rib)
    if not len(index):
        return
    points = volume.to_lps(index.astype(np.float64))
    tree = cKDTree(points)
    axis = np.array((axis_x_mm, axis_y_mm))
    for _ in range(8 * count):
        found = _site_at(tree, points[rng.integers(len(points))], axis)
        if found is None:
            continue
        centre, along, outward = found
        yield RibSite(_vector(centre), _vector(along), _vector(outward), Bone.RIB, side, rib_number)
        count -= 1
        if count == 0:
            return


def _site_at(
    tree: cKDTree, start: NDArray[np.float64], axis: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    near, centre = np.empty((0, 3)), start
    for _ in range(2):
        near = tree.data[tree.query_ball_point(centre, REACH_MM)]
        if len(near) < 60:
            return None
        centre = near.mean(axis=0)
    widths, directions = np.linalg.eigh(np.cov((near - centre).T))
    small, middle, long = np.sqrt(np.maximum(widths, 0))
    tubular = long > ELONGATION * small and long > 1.3 * middle
    if not tubular or small < RIB_WIDTH_MM[0] or middle > RIB_WIDTH_MM[1]:
        return None
    along = directions[:, 2]
    reach = (near - centre) @ along
    if reach.min() > -0.8 * REACH_MM or reach.max() < 0.8 * REACH_MM:
        return None
    outward = np.array((centre[0] - axis[0], centre[1] - axis[1], 0.0))
    outward -= along * (outward @ along)
    length = float(np.linalg.norm(outward))
    if length < 15:
        return None
    return centre, along, outward / length


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) for value in values)
    return (x, y, z)
