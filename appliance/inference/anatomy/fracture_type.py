"""How the fracture at a mark looks: displaced, not displaced, or not told. Only where it is clear.

Cross-sections of the bone are measured along the rib: their centres to both sides of the mark, and
how much bone there is at it. Buckles are not told: what marks them here is how they are simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Bone, Detection, FractureType, VolumeRegion
from appliance.imaging import Volume
from appliance.inference.steps.ct_tiles import cut_cube

THICKEST_MM = 3.0
"""In thicker slices neither a gap nor a step of some millimetres can be measured."""
EDGE_MM = 49
BONE_FROM_HU, MOST_HU = 180.0, 900.0
CLOSED_BY = 2
BALL_MM, FRAGMENT_MM, ON_BONE_MM = 23.0, 8.0, 6.0
"""Bone looked at round the mark; what begins so near it is of the rib; and the rib lies at it."""
PIECE_MM, CENTRE_MM, ACROSS_MM = 14.0, 12.0, 11.0
HALF_LENGTH_MM = 17.5
SIDE_MM = (4.0, 15.0)
"""Of the mark, to both sides: where the centres tell the shaft's line."""
MIDDLE_MM, REFERENCE_MM = 4.0, (6.0, 14.0)
LEAST_VOXELS, LEAST_SECTIONS = 6, 7
DISPLACED_MM, SURE_MM, LEVEL_MM = 2.6, 4.5, 1.5
"""A step from the first on with a gap, from the second on without one; below the third, none."""
BROKEN_BELOW = 0.62
"""Bone at the mark as a share of that beside it."""
THICKENED_FROM = 1.3
MISFIT_MOST_MM, LEVEL_MISFIT_MM = 1.0, 0.5
"""Of the centres to the line; more, and it was not the rib's shaft."""


@dataclass(frozen=True, slots=True)
class Shaft:
    """What was measured. Lengths in mm.

    step: of the shaft's line at the mark. misfit: of the cross-sections' centres to that line.
    bone_least, bone_most: at the mark, as a share of what is usual beside it.
    """

    step: float
    misfit: float
    bone_least: float
    bone_most: float


def typed(volume: Volume, detections: Sequence[Detection]) -> tuple[Detection, ...]:
    """The detections, each on a rib with the type of its fracture where that is clear."""
    if max(volume.spacing_mm) > THICKEST_MM:
        return tuple(detections)
    return tuple(_typed(volume, each) for each in detections)


def _typed(volume: Volume, detection: Detection) -> Detection:
    if detection.bone is not Bone.RIB or not isinstance(detection.region, VolumeRegion):
        return detection
    shaft = measure(volume, np.array(detection.region.centre_lps_mm))
    return detection if shaft is None else replace(detection, type=type_of(shaft))


def type_of(shaft: Shaft) -> FractureType:
    """The type that the measures show without doubt."""
    is_broken = shaft.bone_least < BROKEN_BELOW
    if shaft.misfit <= MISFIT_MOST_MM and (
        shaft.step >= SURE_MM or (shaft.step >= DISPLACED_MM and is_broken)
    ):
        return FractureType.DISPLACED
    is_level = shaft.step <= LEVEL_MM and shaft.misfit <= LEVEL_MISFIT_MM
    if is_level and is_broken and shaft.bone_most < THICKENED_FROM:
        return FractureType.NON_DISPLACED
    return FractureType.UNSPECIFIED


def measure(volume: Volume, place_lps_mm: NDArray[np.float64]) -> Shaft | None:
    """Measure the shaft at a place; None where no shaft runs through it to both sides."""
    half = (EDGE_MM - 1) / 2
    cube = cut_cube(volume, place_lps_mm - half, EDGE_MM, 1.0)
    points, hu = _rib_voxels(cube)
    if len(points) < LEAST_VOXELS * LEAST_SECTIONS * 3:
        return None
    near = np.linalg.norm(points, axis=1) < CENTRE_MM
    if not near.any():
        return None
    middle = points[near].mean(axis=0)
    piece = points[np.linalg.norm(points - middle, axis=1) < PIECE_MM]
    _, directions = np.linalg.eigh(np.cov((piece - piece.mean(axis=0)).T))
    turned = (points - middle) @ directions
    kept = np.linalg.norm(turned[:, :2], axis=1) < ACROSS_MM
    return _shaft(turned[kept], hu[kept])


def _rib_voxels(cube: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Bone of the rib: (x, y, z) in mm from the mark, and HU."""
    offset = np.arange(EDGE_MM) - (EDGE_MM - 1) / 2
    z, y, x = np.meshgrid(offset, offset, offset, indexing="ij")
    distance = np.sqrt(x**2 + y**2 + z**2)
    bone = ndimage.binary_closing(cube > BONE_FROM_HU, iterations=CLOSED_BY)
    pieces, _ = ndimage.label(bone & (distance < BALL_MM), np.ones((3, 3, 3)))
    begins = np.unique(pieces[(distance < FRAGMENT_MM) & (pieces > 0)])
    rib = np.isin(pieces, begins) & (pieces > 0)
    if not (rib & (distance <= ON_BONE_MM)).any():
        rib[:] = False
    return np.stack((x[rib], y[rib], z[rib]), axis=1), cube[rib]


def _shaft(turned: NDArray[np.float64], hu: NDArray[np.float32]) -> Shaft | None:
    """turned: (across, across, along) in mm."""
    edges = np.arange(-HALF_LENGTH_MM, HALF_LENGTH_MM + 1)
    along = (edges[:-1] + edges[1:]) / 2
    section = np.digitize(turned[:, 2], edges) - 1
    inside = (section >= 0) & (section < len(along))
    section, turned, hu = section[inside], turned[inside], hu[inside]
    count = np.bincount(section, minlength=len(along))
    bone = np.bincount(section, np.clip(hu, 0, MOST_HU), minlength=len(along))
    centres = (
        np.stack([np.bincount(section, turned[:, n], minlength=len(along)) for n in (0, 1)], axis=1)
        / np.maximum(count, 1)[:, None]
    )
    aside = np.abs(along)
    told = (aside >= SIDE_MM[0]) & (aside <= SIDE_MM[1]) & (count >= LEAST_VOXELS)
    if min((told & (along < 0)).sum(), (told & (along > 0)).sum()) < LEAST_SECTIONS:
        return None
    at = along[told]
    terms = np.stack((np.ones(at.size), at, at**2, (at > 0).astype(np.float64)), axis=1)
    line, *_ = np.linalg.lstsq(terms, centres[told], rcond=None)
    misfit = np.sqrt(((terms @ line - centres[told]) ** 2).sum(axis=1).mean())
    beside = (aside >= REFERENCE_MM[0]) & (aside <= REFERENCE_MM[1])
    usual = max(float(np.median(bone[beside])), 1.0)
    middle = bone[aside <= MIDDLE_MM] / usual
    step = float(np.linalg.norm(line[3]))
    return Shaft(step, float(misfit), float(middle.min()), float(middle.max()))
