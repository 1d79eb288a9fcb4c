"""One training patch: a piece of real CT, intact or with a simulated fracture, slightly turned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from appliance.domain import Bone, FractureType
from appliance.imaging import Volume
from appliance.inference.steps.ct_tiles import cut_cube
from models.training.simulation.acquisition import between_slices, thinned
from models.training.simulation.ct import bend_rib, break_rib
from models.training.simulation.rib_sites import RibSite
from models.training.simulation.variations import COMMINUTED, EARLY_CALLUS, FRESH, Variation
from models.training.simulation.vertebra import VertebralBody, wedge

EDGE = 56
"""Voxels of 1 mm: training cuts 40 out of it at random."""
NEIGHBOURHOOD_MM = 62.0
Kinds = tuple[tuple[FractureType, float], ...]
THIN_SHARE, THIN_MM = 0.3, (0.625, 1.25)
"""So many patches, broken or not, are first interpolated to thin slices: a cut is crisp in them."""
COMMINUTED_SHARE, CALLUS_SHARE = 0.15, 0.15
"""Of the breaks; the rest are fresh and simple. A buckle has neither."""
KINDS: Kinds = (
    (FractureType.DISPLACED, 0.38),
    (FractureType.NON_DISPLACED, 0.28),
    (FractureType.BUCKLE, 0.22),
    (FractureType.SEGMENTAL, 0.12),
)


KINDS_OF_OTHER_BONES: Kinds = ((FractureType.DISPLACED, 0.55), (FractureType.NON_DISPLACED, 0.45))


@dataclass(frozen=True, slots=True)
class Patch:
    """hu: int16, (EDGE, EDGE, EDGE), axes (superior, posterior, left) before turning.

    centres: voxel coordinates of up to two breaks, NaN where there is none. shape (2, 3)
    """

    hu: NDArray[np.int16]
    centres: NDArray[np.float32]
    kind: str


def fractured_patch(
    volume: Volume, bone: NDArray[np.bool_], site: RibSite, rng: np.random.Generator
) -> Patch:
    """A patch with one simulated fracture of a random kind near its middle.

    bone: mask that the site lies on.
    """
    part, part_bone = _neighbourhood(volume, bone, site.centre_lps_mm, rng)
    choice = KINDS if site.bone is Bone.RIB else KINDS_OF_OTHER_BONES
    kinds, weights = zip(*choice, strict=True)
    kind = kinds[rng.choice(len(kinds), p=weights)]
    broken, fracture = break_rib(
        part,
        part_bone,
        site,
        kind,
        seed=int(rng.integers(2**31)),
        variation=_variation(kind, rng),
    )
    return _cut(broken, np.array(fracture.centres_lps_mm), str(kind), rng)


def wedge_patch(volume: Volume, body: VertebralBody, rng: np.random.Generator) -> Patch:
    """A patch with one vertebral body pressed down in front."""
    nothing = np.zeros(volume.voxels.shape, dtype=bool)
    part, _ = _neighbourhood(volume, nothing, body.centre_lps_mm, rng)
    pressed, fracture = wedge(part, body, seed=int(rng.integers(2**31)))
    return _cut(pressed, np.array(fracture.centres_lps_mm), str(fracture.type), rng)


def bent_patch(
    volume: Volume, bone: NDArray[np.bool_], site: RibSite, rng: np.random.Generator
) -> Patch:
    """A patch with a rib bent by the same warp as a fracture, yet whole."""
    part, part_bone = _neighbourhood(volume, bone, site.centre_lps_mm, rng)
    bent = bend_rib(part, part_bone, site, int(rng.integers(2**31)))
    return _cut(bent, np.array([site.centre_lps_mm]), "bent", rng)


def intact_patch(
    volume: Volume, centre_lps_mm: NDArray[np.float64], rng: np.random.Generator
) -> Patch:
    """A patch of the scan as it is, through the same interpolations as a broken one."""
    x, y, z = (float(each) for each in centre_lps_mm)
    part, _ = _neighbourhood(volume, np.zeros(volume.voxels.shape, dtype=bool), (x, y, z), rng)
    return _cut(part, centre_lps_mm[None], "intact", rng)


def save(target: Path, patches: list[Patch]) -> None:
    """Write patches as `train` reads them; the file appears whole or not at all."""
    part = target.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            hu=np.stack([each.hu for each in patches]),
            centres=np.stack([each.centres for each in patches]),
            kinds=np.array([each.kind for each in patches]),
        )
    part.rename(target)


def _cut(
    volume: Volume, centres_lps_mm: NDArray[np.float64], kind: str, rng: np.random.Generator
) -> Patch:
    focus = centres_lps_mm[0]
    angles = rng.normal(0, (10, 10, 20))
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    turned = replace(
        volume,
        origin_lps_mm=turn @ (volume.origin_lps_mm - focus),
        axes=turn @ volume.axes,
    )
    spacing = float(rng.uniform(0.88, 1.14))
    corner = -(EDGE - 1) / 2 * spacing + rng.uniform(-16, 16, 3)
    hu = cut_cube(turned, corner, EDGE, spacing)
    places = ((centres_lps_mm - focus) @ turn.T - corner) / spacing
    centres = np.full((2, 3), np.nan, dtype=np.float32)
    if kind not in ("intact", "bent"):
        centres[: len(places)] = places[:, ::-1]
    return Patch(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), centres, kind)


def _neighbourhood(
    volume: Volume,
    bone: NDArray[np.bool_],
    centre_lps_mm: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[Volume, NDArray[np.bool_]]:
    centre = volume.to_index(np.array(centre_lps_mm))
    reach = NEIGHBOURHOOD_MM / np.array(volume.spacing_mm)
    first = np.maximum(np.floor(centre - reach).astype(int), 0)
    last = np.minimum(np.ceil(centre + reach).astype(int) + 1, volume.voxels.shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    origin = volume.to_lps(first.astype(np.float64))
    part = Volume(volume.voxels[z, y, x], origin, volume.axes)
    mask = bone[z, y, x]
    if rng.uniform() >= THIN_SHARE:
        return part, mask
    thin = thinned(part, float(rng.choice(THIN_MM)))
    between = round(part.spacing_mm[0] / thin.spacing_mm[0])
    return thin, between_slices(mask, between) >= 0.5


def _variation(kind: FractureType, rng: np.random.Generator) -> Variation:
    if kind is FractureType.BUCKLE:
        return FRESH
    lot = rng.uniform()
    if lot < COMMINUTED_SHARE and kind is not FractureType.NON_DISPLACED:
        return COMMINUTED
    return EARLY_CALLUS if lot > 1 - CALLUS_SHARE else FRESH
