"""A simulated rib fracture in a real CT: cut, shifted, opened or buckled, and nothing else changed.

The bone is cut by an oblique plane. What lies beyond the plane is carried away by a shift that is
whole inside the bone and fades along the bone and into the tissue round it, so that no tissue folds
over. Partial volume is computed for each voxel from its own extent across the plane. Seeded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import FractureType, Vector
from appliance.imaging import Volume
from models.training.simulation.local_bone import LocalBone, local_bone
from models.training.simulation.rib_sites import RibSite
from models.training.simulation.variations import FRESH, Variation, with_callus, with_fragment

SOFT_TISSUE_HU = 45.0
SOFT_TISSUE_NOISE_HU = 18.0


@dataclass(frozen=True, slots=True)
class Fracture:
    """What was made. `centres_lps_mm` holds one place, or both breaks of a segmental fracture."""

    site: RibSite
    type: FractureType
    displacement_mm: float
    gap_mm: float
    centres_lps_mm: tuple[Vector, ...]
    variation: Variation = FRESH


@dataclass(frozen=True, slots=True)
class _Plan:
    """The random choices for one fracture. Lengths in mm, directions in LPS."""

    shift: NDArray[np.float64]
    gap: float
    normal: NDArray[np.float64]
    fade: float
    bulge: float
    segment: float


def break_rib(
    volume: Volume,
    ribs: NDArray[np.bool_],
    site: RibSite,
    kind: FractureType,
    *,
    seed: int,
    displacement_mm: float | None = None,
    variation: Variation = FRESH,
) -> tuple[Volume, Fracture]:
    """A copy of the volume with one fracture.

    ribs: mask of rib bone, shape of the volume; only its part round the site is used.
    displacement_mm: fixed where given, else drawn at random for the kind.
    variation: leaves everything else that the seed decides as it is.

    Raises:
        ValueError: no bone of the mask at the site, a kind that is not simulated, or a buckle with
            a variation: it has no break for a fragment or callus.
    """
    rng = np.random.default_rng(seed)
    plan = _plan(site, kind, rng, displacement_mm)
    bone = local_bone(volume, ribs, site)
    if kind is FractureType.BUCKLE:
        if variation != FRESH:
            raise ValueError(f"a buckle is not {variation.name}")
        changed = _buckled(bone, plan, site)
    else:
        changed = _broken(bone, plan, rng, variation)
    voxels = volume.voxels.copy()
    voxels[bone.box] = np.clip(np.rint(changed), -32768, 32767).astype(np.int16)
    moved = float(np.linalg.norm(plan.shift))
    fracture = Fracture(site, kind, moved, plan.gap, _centres(site, plan), variation)
    return replace(volume, voxels=voxels), fracture


def bend_rib(volume: Volume, ribs: NDArray[np.bool_], site: RibSite, seed: int) -> Volume:
    """A copy with the bone bent gently and not broken: a hard negative made by the same means."""
    rng = np.random.default_rng(seed)
    plan = _plan(site, FractureType.DISPLACED, rng, float(rng.uniform(0.5, 4)))
    bone = local_bone(volume, ribs, site)
    along = np.exp(-(((bone.offset @ plan.normal) / 14.0) ** 2))
    moved, _ = bone.shifted(plan.shift, along)
    voxels = volume.voxels.copy()
    voxels[bone.box] = np.rint(moved).astype(np.int16)
    return replace(volume, voxels=voxels)


def _plan(
    site: RibSite, kind: FractureType, rng: np.random.Generator, displacement_mm: float | None
) -> _Plan:
    along, outward = np.array(site.along), np.array(site.outward)
    across = np.cross(along, outward)
    turn = rng.uniform(0, 2 * np.pi)
    tilt = np.radians(rng.uniform(0, 40))
    sideways = np.cos(turn) * outward + np.sin(turn) * across
    normal = np.cos(tilt) * along + np.sin(tilt) * sideways
    angle = rng.choice((0.0, np.pi)) + rng.normal(0, 0.7)
    direction = np.cos(angle) * outward + np.sin(angle) * across
    match kind:
        case FractureType.DISPLACED | FractureType.SEGMENTAL:
            length, gap, bulge = rng.uniform(3, 7), rng.uniform(0.3, 2.0), 0.0
        case FractureType.NON_DISPLACED:
            length, gap, bulge = rng.uniform(0, 0.8), rng.uniform(1.0, 2.2), 0.0
        case FractureType.BUCKLE:
            length, gap, bulge = rng.uniform(1.8, 4.0), 0.0, rng.uniform(0.4, 1.2)
        case _:
            raise ValueError(f"{kind} is not simulated")
    if displacement_mm is not None:
        length = displacement_mm
    segment = rng.uniform(18, 28) if kind is FractureType.SEGMENTAL else 0.0
    return _Plan(direction * length, gap, normal, rng.uniform(18, 30), bulge, segment)


def _broken(
    bone: LocalBone, plan: _Plan, rng: np.random.Generator, variation: Variation
) -> NDArray[np.float32]:
    """Displaced, gaping or segmental."""
    rough = ndimage.gaussian_filter(rng.normal(0, 1, bone.source.shape), 2.0)
    rough *= 0.5 / max(float(rough.std()), 1e-6)
    beyond = bone.offset @ plan.normal + rough
    half = bone.half_extent_along(plan.normal)
    share = np.clip(beyond / (2 * half) + 0.5, 0, 1)
    cuts = [beyond]
    along = 1 - _smoothstep(beyond / plan.fade)
    if plan.segment:
        second = beyond - plan.segment
        share = share * np.clip(0.5 - second / (2 * half), 0, 1)
        cuts.append(second)
        along = np.ones_like(beyond)
    moved, rim = bone.shifted(plan.shift, along)
    result = (1 - share) * bone.source + share * moved
    inside = np.clip(1.6 - np.minimum(rim, bone.distance), 0, 1)
    noise = ndimage.gaussian_filter(rng.normal(0, 1, bone.source.shape), 0.7)
    filling = SOFT_TISSUE_HU + noise * (SOFT_TISSUE_NOISE_HU / max(float(noise.std()), 1e-6))
    for cut in cuts:
        low = np.maximum(cut - half, -plan.gap / 2)
        high = np.minimum(cut + half, plan.gap / 2)
        opened = inside * np.clip(high - low, 0, None) / (2 * half)
        result = result + opened * (np.minimum(filling, result) - result)
    changed = np.asarray(result, dtype=np.float32)
    if variation.comminuted:
        changed = with_fragment(bone, changed, beyond, plan.normal, rng)
    if variation.callus:
        changed = with_callus(changed, cuts, np.minimum(rim, bone.distance), rng)
    return changed


def _buckled(bone: LocalBone, plan: _Plan, site: RibSite) -> NDArray[np.float32]:
    """A kink without a gap: the bone bends sharply, its cortex bulges, its marrow is pressed."""
    along = bone.offset @ plan.normal
    arm = plan.fade / 3
    tent = np.clip(1 - np.sqrt(along**2 + 0.25) / arm, 0, None)
    moved, rim = bone.shifted(plan.shift, tent, plan.bulge * np.exp(-((along / 2.5) ** 2)), site)
    pressed = np.exp(-((along / 1.2) ** 2)) * np.clip(-rim, 0, 1) * 120.0
    return np.asarray(moved + pressed, dtype=np.float32)


def _centres(site: RibSite, plan: _Plan) -> tuple[Vector, ...]:
    x, y, z = site.centre_lps_mm
    if not plan.segment:
        return (site.centre_lps_mm,)
    ax, ay, az = (plan.segment * each for each in site.along)
    return (site.centre_lps_mm, (x + ax, y + ay, z + az))


def _smoothstep(value: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
