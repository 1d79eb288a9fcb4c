"""Which bone a mark lies on: chests made of tubes, whose ribs are known, and what is no chest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from appliance.domain import Bone, Detection, Side
from appliance.imaging import Volume
from appliance.inference.anatomy import named_by_place
from appliance.inference.anatomy.cage import find_cage
from tests.simulators.rib_cage import CANAL_X_MM, CANAL_Y_MM, RibCage, mark, rib_cage

Named = dict[tuple[Side, int], Detection]


@cache
def upper() -> RibCage:
    """Ribs 1 to 7; the lateral part of the seventh hangs out of the field."""
    return rib_cage(range(1, 8))


def named(cage: RibCage, volume: Volume | None = None) -> Named:
    marks = [mark(place) for place in cage.lateral.values()]
    found = named_by_place(cage.volume if volume is None else volume, marks)
    return dict(zip(cage.lateral, found, strict=True))


def numbers(found: Named) -> dict[tuple[Side, int], int | None]:
    return {truth: detection.rib_number for truth, detection in found.items()}


def sides_are_right(found: Named) -> bool:
    return all(detection.side is side for (side, _), detection in found.items())


def test_ribs_are_counted_from_the_first() -> None:
    found = named(upper())
    inside = {truth: number for truth, number in numbers(found).items() if truth[1] < 7}
    assert inside == {truth: truth[1] for truth in inside}
    assert sides_are_right(found)
    assert all(found[truth].bone is Bone.RIB for truth in inside)


def test_ribs_are_counted_from_the_twelfth() -> None:
    cage = rib_cage(range(8, 13), below_mm=75.0)
    found = named(cage)
    assert numbers(found) == {truth: truth[1] for truth in cage.lateral}
    assert sides_are_right(found)


@pytest.mark.parametrize(
    ("ribs", "below_mm"), [(range(3, 9), 30.0), (range(8, 13), 30.0)], ids=["middle", "to the last"]
)
def test_where_the_field_shows_neither_end_no_number_is_told(ribs: range, below_mm: float) -> None:
    found = named(rib_cage(ribs, below_mm=below_mm))
    assert set(numbers(found).values()) == {None}
    assert sides_are_right(found)


def test_without_the_slices_that_hold_the_first_rib_no_number_is_told() -> None:
    cage = upper()
    first_begins = int(np.ceil(cage.volume.to_index(np.array((0.0, 0.0, 135.0)))[0]))
    cut = replace(cage.volume, voxels=cage.volume.voxels[:first_begins])
    assert set(numbers(named(cage, cut)).values()) == {None}


@pytest.mark.parametrize(
    "turn",
    [
        lambda v: Volume(
            v.voxels[:, ::-1, ::-1],
            v.to_lps(np.array([0.0, v.voxels.shape[1] - 1, v.voxels.shape[2] - 1])),
            v.axes * np.array([1, -1, -1]),
        ),
        lambda v: Volume(v.voxels.transpose(2, 0, 1), v.origin_lps_mm, v.axes[:, [2, 0, 1]]),
        lambda v: Volume(
            v.voxels[::-1],
            v.to_lps(np.array([v.voxels.shape[0] - 1.0, 0.0, 0.0])),
            v.axes * np.array([-1, 1, 1]),
        ),
    ],
    ids=["prone", "coronal", "downwards"],
)
def test_the_patients_frame_decides_not_the_array(turn: Callable[[Volume], Volume]) -> None:
    assert numbers(named(upper(), turn(upper().volume))) == numbers(named(upper()))


def test_beyond_the_gap_of_a_fracture_a_rib_keeps_its_number() -> None:
    cage = rib_cage(range(1, 6), gap_mm=4.0)
    found = numbers(named(cage))
    assert {found[side, number] == number for side, number in found if 1 < number < 5} == {True}


def test_a_mark_on_the_spine_is_on_a_vertebra() -> None:
    place = np.array((CANAL_X_MM, CANAL_Y_MM - 26.0, 60.0))
    (found,) = named_by_place(upper().volume, [mark(place)])
    assert (found.bone, found.side, found.rib_number) == (Bone.VERTEBRA, Side.MIDLINE, None)


def test_metal_beside_the_spine_does_not_shift_the_count() -> None:
    cage = upper()
    voxels = cage.volume.voxels.copy()
    z, y, x = np.rint(cage.volume.to_index(np.array((CANAL_X_MM + 20, 70.0, 90.0)))).astype(int)
    voxels[z - 20 : z + 20, y - 2 : y + 3, x - 2 : x + 3] = 3071
    found = numbers(named(cage, replace(cage.volume, voxels=voxels)))
    assert all(number in (truth[1], None) for truth, number in found.items())


@pytest.mark.parametrize("hu", [-1000, 40, 3071])
def test_what_is_no_chest_leaves_the_marks_as_they_were(hu: int) -> None:
    empty = replace(upper().volume, voxels=np.full_like(upper().volume.voxels, hu))
    marks = (mark(np.array((0.0, 0.0, 60.0))),)
    assert named_by_place(empty, marks) == marks


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 40, 40), (60, 3, 3), (300, 2, 90)])
def test_scraps_of_a_volume_leave_the_marks_as_they_were(shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(1).integers(-1000, 2000, shape).astype(np.int16)
    marks = (mark(np.array((3.0, 1.0, 10.0))),)
    scrap = Volume(noise, np.zeros(3), np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]]))
    assert named_by_place(scrap, marks) == marks


def test_a_geometry_that_cannot_be_costs_no_mark() -> None:
    marks = (mark(np.array((3.0, 1.0, 10.0))),)
    assert named_by_place(replace(upper().volume, axes=np.zeros((3, 3))), marks) == marks


def test_noise_alone_is_no_spine() -> None:
    noise = np.random.default_rng(2).normal(100, 250, (60, 90, 90)).astype(np.int16)
    volume = Volume(noise, np.zeros(3), np.array([[0, 0, 3.0], [0, 3.0, 0], [3.0, 0, 0]]))
    cage = find_cage(volume)
    assert cage is None or all(rib.number is None for rib in cage.ribs)
