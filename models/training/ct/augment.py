"""Variation of training patches: pose, slice thickness, kernel, dose noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from appliance.inference.steps.ct_answers import normalised

CELL = 2
SIGMA_MM = 3.5
LATERAL = 2
"""Axis along which a patient is symmetric."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is cut out of a cached patch: cubes of `edge` voxels, so many to a batch.

    rim: a break is this far inside. Smaller than the cubes of a reading: the same work sees more.
    """

    edge: int
    rim: int
    batch: int


CUTS = (Cut(40, 10, 12), Cut(32, 4, 20))
"""In turn: breaks whose both sides are seen, and breaks near the side of a cube."""


def training_sample(
    hu: NDArray[np.int16],
    centres: NDArray[np.float32],
    rng: np.random.Generator,
    vigour: float = 1.0,
    cut: Cut = CUTS[0],
) -> tuple[Tensor, Tensor]:
    """One cached patch → network input (1, e, e, e) and target (1, e / 2, e / 2, e / 2)."""
    start = _start(hu.shape[0], centres, cut, rng)
    z, y, x = (slice(int(each), int(each) + cut.edge) for each in start)
    cube = torch.from_numpy(hu[z, y, x].astype(np.float32))
    places = centres - start.astype(np.float32)
    cube = _degraded(cube, rng, vigour)
    if rng.uniform() < 0.5:
        # Only so: how ribs slope tells a normal step between them from a break.
        cube = cube.flip(LATERAL)
        places[:, LATERAL] = cut.edge - 1 - places[:, LATERAL]
    values = torch.from_numpy(normalised(cube.contiguous().numpy()))
    return values[None], torch.from_numpy(target_heatmap(places, cut.edge))[None]


def target_heatmap(places: NDArray[np.float32], edge: int) -> NDArray[np.float32]:
    """Gaussians at voxel coordinates (n, 3), 1 at the nearest cell; NaN and far rows are none."""
    cells = edge // CELL
    grid = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1)
    heat = np.zeros((cells, cells, cells), dtype=np.float32)
    for place in places:
        if np.isnan(place).any():
            continue
        cell = np.rint((place - (CELL - 1) / 2) / CELL)
        squared = ((grid - cell) ** 2).sum(axis=-1) * CELL**2
        heat = np.maximum(heat, np.exp(-squared / (2 * SIGMA_MM**2)))
    return heat.astype(np.float32)


def _start(
    cached: int, centres: NDArray[np.float32], cut: Cut, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Where to cut: anywhere, or mostly so that one of the breaks is inside."""
    highest = cached - cut.edge
    known = centres[~np.isnan(centres).any(axis=1)]
    if not len(known) or rng.uniform() < 0.1:
        return rng.integers(0, highest + 1, 3)
    place = known[rng.integers(len(known))]
    low = np.clip(np.ceil(place - cut.edge + cut.rim), 0, highest).astype(int)
    high = np.clip(np.floor(place - cut.rim), low, highest).astype(int)
    return rng.integers(low, high + 1)


def _degraded(cube: Tensor, rng: np.random.Generator, vigour: float) -> Tensor:
    if rng.uniform() < 0.5 * vigour:
        cube = _thicker(cube, int(rng.choice((3, 4, 5, 5))))
    elif rng.uniform() < 0.25 * vigour:
        cube = _crisper(cube, float(rng.uniform(0.3, 1.0)))
    lot = rng.uniform()
    if lot < 0.45 * vigour:
        # Positive: an edge-enhancing kernel, which rings the wider it is; negative: a smooth one.
        strength = (
            float(rng.uniform(0.3, 2.0)) if lot < 0.3 * vigour else float(rng.uniform(-0.9, -0.2))
        )
        cube = cube + strength * (cube - _softer(cube, int(rng.choice((3, 3, 5)))))
    if rng.uniform() < 0.35 * vigour:
        noise = torch.from_numpy(rng.standard_normal(cube.shape, dtype=np.float32))
        if rng.uniform() < 0.4:
            # As grainy as that of a soft kernel; its spread is put back.
            noise = 3 * _softer(noise, 3)
        cube = cube + noise * float(rng.uniform(5, 50))
    gain, offset = float(rng.uniform(0.8, 1.2)), float(rng.uniform(-40, 40))
    return cube * gain + offset


def _softer(cube: Tensor, edge: int) -> Tensor:
    """Averaged over squares in the plane of a slice."""
    return functional.avg_pool3d(
        cube[None, None],
        (1, edge, edge),
        stride=1,
        padding=(0, edge // 2, edge // 2),
        count_include_pad=False,
    )[0, 0]


def _thicker(cube: Tensor, thick: int) -> Tensor:
    """As if from slices of `thick` mm: averaged over them, then interpolated back to 1 mm."""
    short = -cube.shape[0] % thick
    padded = functional.pad(cube[None, None], (0, 0, 0, 0, 0, short), mode="replicate")
    slices = functional.avg_pool3d(padded, (thick, 1, 1))
    size = (padded.shape[2], *cube.shape[1:])
    back = functional.interpolate(slices, size=size, mode="trilinear", align_corners=False)
    return back[0, 0, : cube.shape[0]]


def _crisper(cube: Tensor, strength: float) -> Tensor:
    """Sharper across slices, as thin slices are."""
    padded = functional.pad(cube[None, None], (0, 0, 0, 0, 1, 1), mode="replicate")
    return cube + strength * (cube - functional.avg_pool3d(padded, (3, 1, 1), stride=1)[0, 0])
