"""The spinal canal: a channel of soft tissue that bone rings on all sides. Rays tell it.

It is found from head to sacrum, in contrast and noise, where the vertebrae themselves are not
(a heart full of contrast looks like one), and everything else is measured from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.inference.anatomy.coarse import Coarse

SLAB_MM = 10.0
CELL_MM = 4.0
BONE_FROM_HU = 150.0
SOFT_HU = (-40.0, 130.0)
RAYS = 16
RAY_MM = (6.0, 30.0)
"""From where to where a ray from inside the canal must meet bone."""
STEP_COST = 0.015
"""For each mm that the canal moves sideways from slab to slab."""
STEEPEST = 0.8
"""Sideways over upwards."""
RINGED_FROM = 0.75
"""Share of rays that meet bone, from which a slab is believed to show the canal."""
BODY_MM = (10.0, 26.0, 8.0)
"""The vertebral body: from and to so far in front of the canal's middle, and to each side."""
BODY_LEAST = 0.5
"""Share of bone there, from which on it is one; the marrow of an upper arm has none before it."""
SHORTEST_MM = 35.0
SMOOTH_MM = 20.0
STATION_MM = 2.0


@dataclass(frozen=True, slots=True)
class SpinalCanal:
    """The canal's middle line, at stations every `STATION_MM` along it, lowest first.

    points_mm, back: shape (n, 3), in mm along the coarse array's axes (up, back, left) from its
        voxel (0, 0, 0). `back` are unit vectors across the canal, towards the patient's back.
    """

    points_mm: NDArray[np.float64]
    back: NDArray[np.float64]

    @property
    def length_mm(self) -> float:
        """Along the line."""
        return (len(self.points_mm) - 1) * STATION_MM


def find_canal(coarse: Coarse) -> SpinalCanal | None:
    """The canal as far as it is ringed by bone; None where no stretch of it is long enough."""
    slices = max(1, round(SLAB_MM / coarse.spacing_mm[0]))
    cells = np.maximum(1, np.rint(CELL_MM / coarse.spacing_mm[1:])).astype(int)
    soft, bone = _slabs(coarse, slices, cells)
    if len(soft) == 0:
        return None
    cell_mm = coarse.spacing_mm[1:] * cells
    ringed = _ringed(soft, bone, cell_mm) * _behind_a_body(bone, cell_mm)
    track = _straightest(ringed, cell_mm, slices * float(coarse.spacing_mm[0]))
    level = np.take_along_axis(ringed.reshape(len(ringed), -1), track[:, None], 1)[:, 0]
    first, last = _longest_run(level >= RINGED_FROM)
    slab_mm = slices * float(coarse.spacing_mm[0])
    if (last - first) * slab_mm < SHORTEST_MM:
        return None
    rows, columns = np.unravel_index(track[first:last], ringed.shape[1:])
    centres = np.stack(
        (
            (np.arange(first, last) + 0.5) * slab_mm - coarse.spacing_mm[0] / 2,
            rows * cell_mm[0] + (cells[0] - 1) / 2 * coarse.spacing_mm[1],
            columns * cell_mm[1] + (cells[1] - 1) / 2 * coarse.spacing_mm[2],
        ),
        axis=1,
    )
    return _stations(centres, slab_mm)


def _slabs(
    coarse: Coarse, slices: int, cells: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Share of soft tissue, and whether there is any bone, in each cell of each slab."""
    count = np.array(coarse.hu.shape) // (slices, *cells)
    whole = coarse.hu[: count[0] * slices, : count[1] * cells[0], : count[2] * cells[1]]
    means = whole.reshape(count[0], slices, *whole.shape[1:]).mean(axis=1)
    shape = (count[0], count[1], cells[0], count[2], cells[1])
    soft = ((means > SOFT_HU[0]) & (means < SOFT_HU[1])).reshape(shape).mean(axis=(2, 4))
    bone = (means > BONE_FROM_HU).reshape(shape).any(axis=(2, 4))
    return soft.astype(np.float32), bone


def _ringed(
    soft: NDArray[np.float32], bone: NDArray[np.bool_], cell_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Share of rays in the slab that meet bone, where it is soft inside."""
    # Pedicles of one level and laminae of the next close the ring only together.
    ring = ndimage.maximum_filter1d(bone, 3, axis=0)
    pad = int(np.ceil(RAY_MM[1] / float(cell_mm.min())))
    padded = np.pad(ring, ((0, 0), (pad, pad), (pad, pad)))
    rows, columns = soft.shape[1:]
    met = np.zeros(soft.shape, dtype=np.float32)
    for angle in np.arange(RAYS) * 2 * np.pi / RAYS:
        steps = {
            (round(r * np.sin(angle) / cell_mm[0]), round(r * np.cos(angle) / cell_mm[1]))
            for r in np.arange(*RAY_MM, float(cell_mm.min()) / 2)
        }
        meets = np.zeros(soft.shape, dtype=bool)
        for down, across in steps:
            meets |= padded[:, pad + down :, pad + across :][:, :rows, :columns]
        met += meets
    inside = ndimage.uniform_filter(soft, (0, 2, 2))
    return np.asarray(met / RAYS * np.minimum(1, inside * 1.25), dtype=np.float32)


def _behind_a_body(bone: NDArray[np.bool_], cell_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """1 where there is a vertebral body in front, down to 0.5 where there is none."""
    near, far, aside = BODY_MM
    first, last = round(near / cell_mm[0]), round(far / cell_mm[0])
    wide = 2 * round(aside / cell_mm[1]) + 1
    share = bone.astype(np.float32)
    share = ndimage.uniform_filter(share, (3, 0, wide))
    rows = np.cumsum(np.pad(share, ((0, 0), (last + 1, 0), (0, 0))), axis=1)
    size = bone.shape[1]
    body = (rows[:, last + 1 - first :][:, :size] - rows[:, :size]) / (last + 1 - first)
    return np.asarray(0.5 + 0.5 * np.minimum(1, body / BODY_LEAST), dtype=np.float32)


def _straightest(
    ringed: NDArray[np.float32], cell_mm: NDArray[np.float64], slab_mm: float
) -> NDArray[np.int64]:
    """The way through all slabs that is ringed most and moves least: flat index for each slab."""
    rows, columns = ringed.shape[1:]
    reach = np.maximum(1, np.rint(STEEPEST * slab_mm / cell_mm)).astype(int)
    moves = [
        (down, across)
        for down in range(-reach[0], reach[0] + 1)
        for across in range(-reach[1], reach[1] + 1)
    ]
    best, came = ringed[0].astype(np.float64), []
    for slab in ringed[1:]:
        padded = np.pad(best, ((reach[0],) * 2, (reach[1],) * 2), constant_values=-np.inf)
        reached = np.full(best.shape, -np.inf)
        source = np.zeros(best.shape, dtype=np.int64)
        for number, (down, across) in enumerate(moves):
            cost = STEP_COST * float(np.hypot(down * cell_mm[0], across * cell_mm[1]))
            start = padded[reach[0] + down :, reach[1] + across :][:rows, :columns] - cost
            better = start > reached
            reached[better], source[better] = start[better], number
        came.append(source)
        best = reached + slab
    row, column = np.unravel_index(int(best.argmax()), best.shape)
    track = [(int(row), int(column))]
    for source in reversed(came):
        down, across = moves[source[track[-1]]]
        track.append((track[-1][0] + down, track[-1][1] + across))
    return np.array([row * columns + column for row, column in reversed(track)])


def _longest_run(believed: NDArray[np.bool_]) -> tuple[int, int]:
    """First and one past the last of the longest run; single slabs that fail are bridged."""
    bridged = ndimage.binary_closing(np.pad(believed, 2), np.ones(3))[2:-2] | believed
    runs, count = ndimage.label(bridged)
    if count == 0:
        return 0, 0
    longest = np.flatnonzero(runs == 1 + np.argmax(np.bincount(runs)[1:]))
    return int(longest[0]), int(longest[-1]) + 1


def _stations(centres: NDArray[np.float64], slab_mm: float) -> SpinalCanal:
    # To the faces of the outermost slabs, in the direction that the line has there.
    ends = [centres[0] - (centres[1] - centres[0]) / 2, centres[-1] * 1.5 - centres[-2] / 2]
    line = np.concatenate((ends[:1], centres, ends[1:]))
    smooth = SMOOTH_MM / slab_mm
    line[:, 1:] = ndimage.gaussian_filter1d(line[:, 1:], smooth, axis=0, mode="nearest")
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    stations = np.arange(0, along[-1], STATION_MM)
    points = np.stack([np.interp(stations, along, each) for each in line.T], axis=1)
    ahead = np.gradient(points, axis=0)
    ahead[:, 2] = 0  # sideways stays sideways: the ribs are sought to the left and right of it
    ahead = ndimage.gaussian_filter1d(ahead, SMOOTH_MM / STATION_MM, axis=0, mode="nearest")
    ahead /= np.linalg.norm(ahead, axis=1)[:, None]
    back = np.stack((-ahead[:, 1], ahead[:, 0], np.zeros(len(ahead))), axis=1)
    return SpinalCanal(points, back)
