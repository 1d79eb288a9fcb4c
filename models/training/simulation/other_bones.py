"""Places on sternum, clavicle and scapula where a fracture can be made, from a mask of the bone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from appliance.domain import Bone, Side, Vector
from appliance.imaging import Volume
from models.training.simulation.rib_sites import RibSite

REACH_MM = 14.0
"""Radius of the piece of bone from which a site's directions are taken."""
GOES_ON = 0.6
"""Share of the reach that bone must lie on at both sides: not at an end, nor at a rim."""
LEAST_ACROSS_MM = 0.9
"""Standard deviation of the thinnest direction; thinner are plates that a CT hardly shows."""


def sites_on_bone(
    volume: Volume,
    mask: NDArray[np.bool_],
    bone: Bone,
    *,
    count: int,
    rng: np.random.Generator,
    side: Side = Side.UNDETERMINED,
) -> Iterator[RibSite]:
    """Up to `count` sites at random; `along` is the bone's long direction, `outward` its thin one.

    mask: one bone, shape of the volume.
    """
    points = volume.to_lps(np.argwhere(mask).astype(np.float64))
    if not len(points):
        return
    tree = cKDTree(points)
    for _ in range(8 * count):
        near = points[tree.query_ball_point(points[rng.integers(len(points))], REACH_MM)]
        if len(near) < 60:
            continue
        middle = near.mean(axis=0)
        variances, directions = np.linalg.eigh(np.cov((near - middle).T))
        along = directions[:, 2]
        reach = (near - middle) @ along
        goes_on = min(-reach.min(), reach.max()) >= GOES_ON * REACH_MM
        if not goes_on or np.sqrt(max(variances[0], 0)) < LEAST_ACROSS_MM:
            continue
        # A curved plate's middle may lie beside it.
        centre = points[tree.query(middle)[1]]
        yield RibSite(_vector(centre), _vector(along), _vector(directions[:, 0]), bone, side)
        count -= 1
        if count == 0:
            return


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) for value in values)
    return (x, y, z)
