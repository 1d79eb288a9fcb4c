"""Which rib a place belongs to: that one along whose bone the spine is reached most cheaply.

All ribs grow from the spine at once, quickly through bone and slowly through soft tissue, so that a
fracture's gap is bridged and the space between two ribs is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from appliance.inference.anatomy.coarse import Coarse
from appliance.inference.anatomy.spinal_canal import SpinalCanal

BONE_HU = 200.0
COST_AT_HU = ((90.0, 200.0, 400.0), (6.0, 0.8, 0.3))
"""For one mm: soft tissue, marrow or a vessel full of contrast, cortex."""
BRIDGED_MM = 4.0
"""Round bone so much else is let in, for gaps."""
FIRST_WAITS = 12.0
"""By so much the first rib's growth is held back: over the artery on it, it would reach the second
rib before the second rib's own, longer way round."""
SPINE_ASIDE_MM = 26.0
SPINE_DEEP_MM = (-50.0, 60.0)
"""Towards the back; within, vertebrae join all ribs to one another."""
STERNUM_ASIDE_MM = 40.0
STERNUM_IN_FRONT_MM = 60.0
BELOW_MM, ABOVE_MM = 220.0, 45.0
"""Ribs hang below their beginnings, and the first may rise a little."""
FARTHEST = 200.0
_STEPS = [
    (up, back, left)
    for up in (-1, 0, 1)
    for back in (-1, 0, 1)
    for left in (-1, 0, 1)
    if (up, back, left) > (0, 0, 0)
]


@dataclass(frozen=True, slots=True)
class Seed:
    """Where one rib begins.

    places_mm: along the coarse array's axes, shape (n, 3). level: counts down the rib's row;
    neighbours differ by one. is_first: it is known to be a first rib.
    """

    places_mm: NDArray[np.float64]
    level: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class Territories:
    """The bone round the thorax, divided. A node is a voxel of bone, or near it.

    first: index of the box's first voxel in the coarse array. places: index of each node in the
    box, shape (n, 3). hu, seed, cost, ahead: of each node: Hounsfield units; the seed that it
    belongs to, -1 for none; cost of the way there; the next node on it, -1 at its end.
    rival_cost: cost of the way to the nearest seed of a neighbouring level.
    """

    first: NDArray[np.int64]
    places: NDArray[np.int32]
    hu: NDArray[np.float32]
    seed: NDArray[np.int32]
    cost: NDArray[np.float64]
    ahead: NDArray[np.int32]
    rival_cost: NDArray[np.float64]


def divide(coarse: Coarse, canal: SpinalCanal, seeds: Sequence[Seed]) -> Territories:
    """Divide the bone among the seeds."""
    indices = [np.rint(each.places_mm / coarse.spacing_mm).astype(int) for each in seeds]
    levels = np.concatenate(indices)[:, 0]
    low = max(0, int(levels.min() - BELOW_MM / coarse.spacing_mm[0]))
    high = int(levels.max() + ABOVE_MM / coarse.spacing_mm[0]) + 1
    hu = coarse.hu[low:high]
    first = np.array((low, 0, 0))
    inside = _bone_and_rim(hu, coarse.spacing_mm) & ~_midline(canal, coarse, low, hu.shape)
    starts = [tuple(np.clip(each - first, 0, np.array(hu.shape) - 1).T) for each in indices]
    for start in starts:
        inside[start] = True
    node = np.full(hu.shape, -1, dtype=np.int32)
    places = np.argwhere(inside).astype(np.int32)
    node[inside] = np.arange(len(places), dtype=np.int32)
    graph = _graph(node, hu[inside], coarse.spacing_mm)
    begun = [(n, node[starts[n]], seed) for n, seed in enumerate(seeds)]
    grown = [_grow(graph, [each for each in begun if each[2].level % 2 == odd]) for odd in (0, 1)]
    second = grown[1][1] < grown[0][1]
    seed, cost, ahead = (np.where(second, *each[::-1]) for each in zip(*grown, strict=True))
    rival = np.where(second, grown[0][1], grown[1][1])
    return Territories(first, places, hu[inside], seed, cost, ahead, rival)


def _bone_and_rim(hu: NDArray[np.float32], spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    inside = hu >= BONE_HU
    for axis in range(3):
        reach = max(1, round(BRIDGED_MM / float(spacing[axis])))
        inside = ndimage.maximum_filter1d(inside, 2 * reach + 1, axis=axis)
    return np.asarray(inside & (hu > 0))


def _midline(
    canal: SpinalCanal, coarse: Coarse, low: int, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Spine and sternum, where ribs are joined to one another."""
    up, back, left = coarse.spacing_mm
    levels = (np.arange(shape[0]) + low) * up
    deep_0, aside_0 = (
        np.interp(levels, canal.points_mm[:, 0], canal.points_mm[:, axis]) for axis in (1, 2)
    )
    deep = np.arange(shape[1]) * back - deep_0[:, None]
    aside = np.abs(np.arange(shape[2]) * left - aside_0[:, None])
    spine = (deep > SPINE_DEEP_MM[0]) & (deep < SPINE_DEEP_MM[1])
    return np.asarray(
        (spine[:, :, None] & (aside < SPINE_ASIDE_MM)[:, None, :])
        | ((deep < -STERNUM_IN_FRONT_MM)[:, :, None] & (aside < STERNUM_ASIDE_MM)[:, None, :])
    )


def _graph(
    node: NDArray[np.int32], hu: NDArray[np.float32], spacing: NDArray[np.float64]
) -> sparse.coo_matrix:
    half = np.interp(hu, *COST_AT_HU).astype(np.float32) / 2
    rows, columns, weights = [], [], []
    for step in _STEPS:
        here = tuple(slice(max(0, -each), min(0, -each) or None) for each in step)
        there = tuple(slice(max(0, each), min(0, each) or None) for each in step)
        both = (node[here] >= 0) & (node[there] >= 0)
        a, b = node[here][both], node[there][both]
        rows.append(a)
        columns.append(b)
        weights.append((half[a] + half[b]) * np.float32(np.linalg.norm(np.array(step) * spacing)))
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_matrix(entries, shape=(len(hu), len(hu)))


def _grow(
    graph: sparse.coo_matrix, starts: list[tuple[int, NDArray[np.int32], Seed]]
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int32]]:
    """For each node: seed, cost and the next node, as in `Territories`."""
    count = graph.shape[0]
    nothing = np.full(count, -1, dtype=np.int32)
    if not starts:
        return nothing, np.full(count, np.inf), nothing
    # One node more for each seed, from which its places are reached after its wait.
    rows = [np.full(len(nodes), count + n) for n, (_, nodes, _) in enumerate(starts)]
    waits = [
        np.full(len(nodes), FIRST_WAITS if seed.is_first else 1e-3) for _, nodes, seed in starts
    ]
    total = count + len(starts)
    whole = sparse.coo_matrix(
        (
            np.concatenate((graph.data, *waits)),
            (
                np.concatenate((graph.row, *rows)),
                np.concatenate((graph.col, *(nodes for _, nodes, _ in starts))),
            ),
        ),
        shape=(total, total),
    ).tocsr()
    cost, ahead, source = csgraph.dijkstra(
        whole,
        directed=False,
        indices=np.arange(count, total),
        min_only=True,
        return_predecessors=True,
        limit=FARTHEST,
    )
    numbers = np.array([number for number, _, _ in starts])
    seed = np.where(source[:count] >= 0, numbers[np.clip(source[:count] - count, 0, None)], -1)
    ahead = np.where(ahead[:count] < count, np.maximum(ahead[:count], -1), -1)
    return seed.astype(np.int32), cost[:count], ahead.astype(np.int32)
