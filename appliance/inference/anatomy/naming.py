"""Bone, side and rib number of a mark in a CT, from where it lies. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Bone, Detection, Side, VolumeRegion
from appliance.imaging import Volume
from appliance.inference.anatomy.cage import Cage, find_cage

BONE_FROM_HU = 150.0
NEAR_MM = 10.0
"""Bone within it belongs to the mark."""
AGREEING = 0.75
"""Share of that bone that must be one rib's, to name the rib."""
RIVAL_LEAST = 4.0
"""So much dearer must the way to a neighbouring rib be; else they grew together."""
GAP_MOST_MM = 9.0
"""Soft tissue in one piece on the way to the spine: more than a fracture is another rib, whose
own end lies outside the field."""
RIM_MM, GAP_AT_RIM_MM = 12.0, 3.0
"""So near to the first and the last slice no gap is bridged: there ribs end that go on outside."""
GAP_BELOW_HU = 120.0
ON_PIECE_MM = 12.0
"""So near to a rib's piece beside the spine a place is on that rib; further along, it is not."""
BESIDE_SPINE_MM = (30.0, 64.0)
BESIDE_SPINE_DEEP_MM = -15.0
COLUMN_ASIDE_MM, COLUMN_DEEP_MM, COLUMN_APART_MM = 6.0, 15.0, 4.0
"""Above and below a place, bone of one rib is looked for so far around; more soft tissue than the
last parts two ribs."""
LONGEST_MM = 330.0
"""No rib is longer."""
MIDLINE_MM = 10.0
VERTEBRA_ASIDE_MM = 24.0
VERTEBRA_DEEP_MM = (-48.0, 65.0)
STERNUM_ASIDE_MM = 26.0
STERNUM_IN_FRONT_MM = 60.0
SHOULDER_ASIDE_MM = 125.0
SCAPULA_ASIDE_MM, TRANSVERSE_MM = 52.0, (42.0, 60.0)
"""From where on a scapula lies; to where transverse processes reach beside ribs, and below them."""
CLAVICLE_IN_FRONT_MM = 30.0
CLAVICLE_BELOW_MM = 70.0
"""No deeper than this below the uppermost rib's beginning does a collar bone hang."""
AXIS_IN_FRONT_MM = 60.0
"""The thorax's long axis lies so far in front of the canal."""
RAYS_UP_MM = (-12.0, -6.0, 0.0, 6.0, 12.0)
RAYS_BESIDE_MM = (-8.0, 0.0, 8.0)
RAY_MM = 40
LUNG_WITHIN_MM = 12
"""A ray inwards from a rib leaves into lung so soon."""
LUNG_BELOW_HU, SOFT_BELOW_HU, BONE_BEHIND_HU = -400.0, 130.0, 200.0
OUTSIDE_MOST_LUNG, OUTSIDE_LEAST_BONE = 2, 4
"""Of 15 rays: what lies outside the ribs sees them and not the lung."""
LOWEST_UNDER_SCAPULA = 9


@dataclass(frozen=True, slots=True)
class Name:
    """What a place was recognised as."""

    bone: Bone
    side: Side
    rib_number: int | None = None


def name_bones(volume: Volume, detections: Sequence[Detection]) -> tuple[Detection, ...]:
    """The detections, with bone, side and number as far as the CT shows them.

    What is not recognised keeps what the detection says already; a rib that cannot be counted has
    no number. Regions are taken in LPS mm.
    """
    if not detections:
        return ()
    cage = find_cage(volume)
    if cage is None:
        return tuple(detections)
    return tuple(_named(cage, detection) for detection in detections)


def _named(cage: Cage, detection: Detection) -> Detection:
    if not isinstance(detection.region, VolumeRegion):
        return detection
    name = name_of_place(cage, np.array(detection.region.centre_lps_mm))
    if name is None:
        return detection
    return replace(detection, bone=name.bone, side=name.side, rib_number=name.rib_number)


def name_of_place(cage: Cage, place_lps_mm: NDArray[np.float64]) -> Name | None:
    """What lies at a place; None where it is beyond the spine that was found, above or below."""
    place = cage.coarse.to_index(place_lps_mm) * cage.coarse.spacing_mm
    points = cage.canal.points_mm
    if not points[0, 0] - RAY_MM <= place[0] <= points[-1, 0] + RAY_MM:
        return _rib_of(cage, place)
    canal = points[np.argmin(np.abs(points[:, 0] - place[0]))]
    deep = float(place[1] - canal[1])
    left = float(place[2] - canal[2]) - cage.askew * -min(deep, 0.0)
    if abs(left) <= VERTEBRA_ASIDE_MM and VERTEBRA_DEEP_MM[0] <= deep <= VERTEBRA_DEEP_MM[1]:
        return Name(Bone.VERTEBRA, _side(left))
    if abs(left) <= STERNUM_ASIDE_MM and deep < -STERNUM_IN_FRONT_MM:
        return Name(Bone.STERNUM, _side(left))
    rib = _rib_of(cage, place)
    beginning = _rib_beginning_at(cage, place)
    if beginning is not None:
        return beginning if rib is None or rib.side is beginning.side else rib
    is_beside = BESIDE_SPINE_MM[0] <= abs(left) <= BESIDE_SPINE_MM[1]
    if rib is not None and is_beside and deep > BESIDE_SPINE_DEEP_MM:
        rib = replace(rib, rib_number=None)
    if rib is None or (rib.rib_number or 0) < LOWEST_UNDER_SCAPULA:
        outer = _outer_bone(cage, place, canal, abs(left), deep)
        if outer is not None:
            return Name(outer, _side(left))
    return rib or Name(Bone.UNDETERMINED, _side(left))


def _is_the_nearest_crossing(cage: Cage, place: NDArray[np.float64], seed: int) -> bool:
    """Whether no other bone of the same rib lies above or below, nearer to the spine by its way.

    A rib passes each direction from the thorax's axis once. Two pieces one below the other are two
    ribs, and the dearer one was reached by a bridge: its own beginning lies outside the field.
    """
    parts = cage.territories
    if parts is None:
        return False
    mine = np.flatnonzero((parts.seed == seed) & (parts.hu >= BONE_FROM_HU))
    points = (parts.places[mine] + parts.first) * cage.coarse.spacing_mm
    line = cage.canal.points_mm
    from_axis = points[:, 1:] - np.stack(
        [np.interp(points[:, 0], line[:, 0], line[:, axis]) for axis in (1, 2)], axis=1
    )
    from_axis[:, 0] += AXIS_IN_FRONT_MM
    own = place[1:] - [np.interp(place[0], line[:, 0], line[:, axis]) for axis in (1, 2)]
    own[0] += AXIS_IN_FRONT_MM
    radius = max(float(np.linalg.norm(own)), 1.0)
    outward = from_axis @ own / radius
    beside = np.abs(from_axis @ np.array((-own[1], own[0])) / radius)
    column = (beside <= COLUMN_ASIDE_MM) & (np.abs(outward - radius) <= COLUMN_DEEP_MM)
    heights, costs = points[column, 0], parts.cost[mine][column]
    order = np.argsort(heights)
    apart = COLUMN_APART_MM + float(cage.coarse.spacing_mm[0])
    pieces = np.split(order, np.flatnonzero(np.diff(heights[order]) > apart) + 1)
    nearest = [float(np.abs(heights[piece] - place[0]).min(initial=np.inf)) for piece in pieces]
    cheapest = [float(costs[piece].min(initial=np.inf)) for piece in pieces]
    return int(np.argmin(nearest)) == int(np.argmin(cheapest))


def _rib_beginning_at(cage: Cage, place: NDArray[np.float64]) -> Name | None:
    """The rib whose piece beside the spine lies there."""
    nearest = min(
        (
            (float(np.linalg.norm(rib.spots_mm - place, axis=1).min()), n)
            for n, rib in enumerate(cage.ribs)
        ),
        default=(np.inf, -1),
    )
    if nearest[0] > ON_PIECE_MM:
        return None
    rib = cage.ribs[nearest[1]]
    return Name(Bone.RIB, rib.side, rib.number)


def _outer_bone(
    cage: Cage,
    place: NDArray[np.float64],
    canal: NDArray[np.float64],
    aside: float,
    deep: float,
) -> Bone | None:
    """The bone outside the ribs that it is, None where it is none."""
    near_lung, behind_bone = _seen_inwards(cage, place, canal)
    if near_lung > OUTSIDE_MOST_LUNG:
        return None
    is_high = place[0] > cage.top_mm - CLAVICLE_BELOW_MM
    if deep < -CLAVICLE_IN_FRONT_MM and aside <= SHOULDER_ASIDE_MM:
        return Bone.CLAVICLE if is_high else None
    if behind_bone < OUTSIDE_LEAST_BONE:
        return None
    if aside > SHOULDER_ASIDE_MM:
        return Bone.SHOULDER if is_high else None
    return _bone_behind_ribs(aside, is_below_ribs=bool(place[0] < cage.low_mm))


def _bone_behind_ribs(aside: float, *, is_below_ribs: bool) -> Bone | None:
    beside_ribs, below_ribs = TRANSVERSE_MM
    if aside <= (below_ribs if is_below_ribs else beside_ribs):
        return Bone.VERTEBRA
    return Bone.SCAPULA if aside > SCAPULA_ASIDE_MM and not is_below_ribs else None


def _rib_of(cage: Cage, place: NDArray[np.float64]) -> Name | None:
    """The rib whose bone lies round the place, None where none does."""
    parts = cage.territories
    if parts is None:
        return None
    target = place / cage.coarse.spacing_mm - parts.first
    reach = NEAR_MM / cage.coarse.spacing_mm
    # The nodes are ordered by level: only those of the mark's slices are looked at.
    start, stop = np.searchsorted(parts.places[:, 0], (target[0] - reach[0], target[0] + reach[0]))
    off = (parts.places[start:stop] - target) * cage.coarse.spacing_mm
    near = start + np.flatnonzero((off**2).sum(axis=1) <= NEAR_MM**2)
    near = near[(parts.hu[near] >= BONE_FROM_HU) & (parts.seed[near] >= 0)]
    if not near.size:
        return None
    counts = np.bincount(parts.seed[near], minlength=len(cage.ribs))
    most = int(np.argmax(counts))
    rib = cage.ribs[most]
    own = near[parts.seed[near] == most]
    is_sure = (
        counts[most] >= AGREEING * near.size
        and float(np.median(parts.rival_cost[own] - parts.cost[own])) >= RIVAL_LEAST
        and _is_one_bone(cage, int(own[np.argmin(parts.cost[own])]))
        and _is_the_nearest_crossing(cage, place, most)
    )
    return Name(Bone.RIB, rib.side, rib.number if is_sure else None)


def _is_one_bone(cage: Cage, node: int) -> bool:
    """Whether the way from there to the spine stays in bone, but for gaps of a fracture."""
    parts = cage.territories
    if parts is None:
        return False
    way = [node]
    while parts.ahead[way[-1]] >= 0:
        way.append(int(parts.ahead[way[-1]]))
    steps = np.diff(parts.places[way].astype(np.float64), axis=0) * cage.coarse.spacing_mm
    lengths = np.linalg.norm(steps, axis=1)
    heights = (parts.places[way[1:], 0] + parts.first[0]) * float(cage.coarse.spacing_mm[0])
    top_mm = (len(cage.coarse.hu) - 1) * float(cage.coarse.spacing_mm[0])
    is_near_rim = np.minimum(heights, top_mm - heights) <= RIM_MM
    gap = 0.0
    for length, hu, near_rim in zip(lengths, parts.hu[way[1:]], is_near_rim, strict=True):
        gap = gap + float(length) if hu < GAP_BELOW_HU else 0.0
        if gap > (GAP_AT_RIM_MM if near_rim else GAP_MOST_MM):
            return False
    return float(lengths.sum()) <= LONGEST_MM


def _seen_inwards(
    cage: Cage, place: NDArray[np.float64], canal: NDArray[np.float64]
) -> tuple[int, int]:
    """How many of 15 rays meet lung soon, and how many other bone before the lung."""
    inwards = np.array((canal[1] - AXIS_IN_FRONT_MM - place[1], canal[2] - place[2]))
    length = float(np.linalg.norm(inwards))
    if length < 1:
        return 0, 0
    inwards = inwards / length
    steps = np.arange(RAY_MM, dtype=np.float64)
    up, beside, step = np.meshgrid(RAYS_UP_MM, RAYS_BESIDE_MM, steps, indexing="ij")
    points = (
        place[0] + up,
        place[1] + inwards[0] * step - inwards[1] * beside,
        place[2] + inwards[1] * step + inwards[0] * beside,
    )
    index = [each / mm for each, mm in zip(points, cage.coarse.spacing_mm, strict=True)]
    hu = ndimage.map_coordinates(cage.coarse.hu, index, order=1, cval=0.0).reshape(-1, RAY_MM)
    left_bone = np.maximum.accumulate(hu < SOFT_BELOW_HU, axis=1)
    lung = _first(left_bone & (hu < LUNG_BELOW_HU))
    bone = _first(left_bone & (hu > BONE_BEHIND_HU))
    near_lung = int(((lung < bone) & (lung <= LUNG_WITHIN_MM)).sum())
    behind_bone = int((bone < lung).sum())
    return near_lung, behind_bone


def _first(happens: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Index of the first True of each row; beyond the end where there is none."""
    return np.asarray(np.where(happens.any(axis=1), happens.argmax(axis=1), happens.shape[1]))


def _side(left_mm: float) -> Side:
    if abs(left_mm) < MIDLINE_MM:
        return Side.MIDLINE
    return Side.LEFT if left_mm > 0 else Side.RIGHT
