"""Slices stack by where they lie, whatever their order, or they are refused with a reason."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain import FrameFacts, InstanceFacts, Reason, SliceStack
from appliance.pipeline.assemble.geometry import stack
from tests.simulators.headers import frame, instance, slices


def stacked(facts: list[InstanceFacts]) -> SliceStack:
    found = stack(facts)
    assert isinstance(found, SliceStack), found
    return found


def refused(facts: list[InstanceFacts]) -> str:
    found = stack(facts)
    assert isinstance(found, Reason), found
    return found.code


def notes(facts: list[InstanceFacts]) -> list[str]:
    return [note.code for note in stacked(facts).notes]


def with_frame(facts: InstanceFacts, **changes: object) -> InstanceFacts:
    return replace(facts, frames=(replace(facts.frames[0], **changes),))


@given(order=st.permutations(slices(20, step=1.25)))
def test_any_order_of_arrival_gives_the_same_stack(order: list[InstanceFacts]) -> None:
    found = stacked(order)
    assert found.spooled_ids == tuple(range(1, 21))
    assert (found.increment_mm, found.extent_mm, found.notes) == (1.25, 25.0, ())


@given(
    count=st.integers(6, 60),
    step=st.floats(0.3, 10),
    start=st.floats(-2000, 2000),
    jitter=st.integers(0, 2**32 - 1),
)
def test_positions_rounded_to_a_hundredth_still_stack(
    count: int, step: float, start: float, jitter: int
) -> None:
    rounded = [
        with_frame(one, position_lps_mm=(-170.1, -160.2, round(start + index * step, 2)))
        for index, one in enumerate(slices(count, step=step))
    ]
    found = stacked(sorted(rounded, key=lambda one: hash((one.spooled_id, jitter))))
    assert found.spooled_ids == tuple(range(1, count + 1))
    assert found.increment_mm == pytest.approx(step, abs=0.011)
    assert found.tilt_degrees == pytest.approx(0, abs=0.01)


@given(lost=st.sets(st.integers(1, 38), min_size=1, max_size=10))
def test_a_slice_that_is_missing_inside_is_always_noticed(lost: set[int]) -> None:
    left = [one for index, one in enumerate(slices(40)) if index not in lost]
    assert refused(left) == "slices-missing"


@given(angle=st.floats(-25, 25).filter(lambda angle: abs(angle) > 1.1), step=st.floats(0.5, 5))
def test_gantry_tilt_is_measured_and_said(angle: float, step: float) -> None:
    column = (0.0, math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    found = stacked([with_frame(one, column_direction=column) for one in slices(20, step=step)])
    assert found.tilt_degrees == pytest.approx(abs(angle), abs=1e-4)
    assert [note.code for note in found.notes] == ["gantry-tilted"]
    assert found.increment_mm == pytest.approx(step * math.cos(math.radians(angle)), abs=1e-6)


def test_a_gantry_tilted_too_far_is_refused() -> None:
    column = (0.0, math.cos(math.radians(40)), math.sin(math.radians(40)))
    tilted = [with_frame(one, column_direction=column) for one in slices(20)]
    assert refused(tilted) == "tilt-too-large"


def test_a_patient_lying_the_other_way_is_stacked_from_the_lower_end_of_the_normal() -> None:
    flipped = [with_frame(one, column_direction=(0.0, -1.0, 0.0)) for one in slices(10)]
    found = stacked(flipped)
    assert found.normal == (0.0, 0.0, -1.0)
    assert found.spooled_ids == tuple(range(10, 0, -1))


def test_a_slice_that_came_again_counts_once_and_the_later_one_is_read() -> None:
    first = slices(20)
    again = replace(first[4], spooled_id=99)
    found = stacked([*first, again])
    assert found.spooled_ids[4] == 99
    assert len(found.spooled_ids) == 20
    assert notes([*first, again]) == ["duplicate-slices"]


def test_different_slices_in_one_place_are_refused() -> None:
    other = replace(slices(20)[4], spooled_id=99, sop_instance_uid="9.9")
    assert refused([*slices(20), other]) == "duplicates-differ"


def test_of_two_phases_in_one_series_one_is_read() -> None:
    late = slices(20, first_id=101, acquisition_number=2)
    found = stacked([*slices(21), *late])
    assert found.spooled_ids == tuple(range(1, 22))
    assert [note.code for note in found.notes] == ["frames-left-out"]


def test_a_stray_scout_is_left_out_and_said() -> None:
    stray = with_frame(instance(99), column_direction=(0.0, 0.0, -1.0))
    assert notes([*slices(40), stray]) == ["frames-left-out"]


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 256},
        {"frame_of_reference_uid": "7.7"},
        {"frames": (frame((0.0, 0.0, 3.5), pixel_spacing_mm=(0.9, 0.9)),)},
        {"frames": (frame((0.0, 0.0, 3.5), column_direction=(0.0, 0.0, -1.0)),)},
    ],
)
def test_two_kinds_of_slices_in_one_series_are_refused(change: dict[str, object]) -> None:
    others = [replace(one, **change) for one in slices(15, first_id=101)]
    assert refused([*slices(15), *others]) == "mixed-orientations"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"position_lps_mm": None}, "geometry-missing"),
        ({"row_direction": None}, "geometry-missing"),
        ({"row_direction": (0.0, 0.0, 0.0)}, "geometry-missing"),
        ({"row_direction": (0.0, 1.0, 0.0)}, "geometry-missing"),
        ({"pixel_spacing_mm": None}, "geometry-missing"),
        ({"pixel_spacing_mm": (0.0, 0.7)}, "geometry-missing"),
        ({"rescale_slope": None}, "rescale-invalid"),
    ],
)
def test_one_slice_without_what_it_needs_refuses_the_series(
    change: dict[str, object], code: str
) -> None:
    facts = slices(20)
    facts[7] = with_frame(facts[7], **change)
    assert refused(facts) == code


def test_slices_beside_the_line_are_refused() -> None:
    shifted = [
        with_frame(one, position_lps_mm=(5.0 * (index % 2), 0.0, float(index)))
        for index, one in enumerate(slices(20))
    ]
    assert refused(shifted) == "slices-not-aligned"


def test_slightly_uneven_intervals_are_said() -> None:
    uneven = slices(20)
    uneven[9] = with_frame(uneven[9], position_lps_mm=(0.0, 0.0, 9.2))
    assert notes(uneven) == ["spacing-irregular"]


def test_a_drift_off_the_grid_is_refused() -> None:
    drifting = [
        with_frame(one, position_lps_mm=(0.0, 0.0, index * (1.0 if index < 50 else 1.4)))
        for index, one in enumerate(slices(50))
    ] + [
        with_frame(one, position_lps_mm=(0.0, 0.0, 49 + (index + 1) * 1.4))
        for index, one in enumerate(slices(50, first_id=100))
    ]
    assert refused(drifting) == "slices-missing"


def test_few_slices_are_no_stack() -> None:
    assert refused(slices(4)) == "too-few-slices"


def test_frames_of_one_instance_stack_like_slices() -> None:
    frames = tuple(
        FrameFacts(index, (0.0, 0.0, 30.0 - index), (1, 0, 0), (0, 1, 0), (0.7, 0.7), 1.0, 1.0, 0.0)
        for index in range(30)
    )
    found = stacked([instance(5, frames=frames)])
    assert found.frames == tuple(range(29, -1, -1))
    assert set(found.spooled_ids) == {5}
