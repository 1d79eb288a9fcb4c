"""Counting the ribs of two rows: from the first, from the twelfth, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.inference.anatomy.numbering import Beginning, Numbers, numbered

LEVEL_MM = 25.0
NOTHING: Numbers = (None,) * 5


def rows(
    count: int, *, shift_mm: float = 0.0, first: bool = False, last: bool = False
) -> list[Beginning]:
    """One row of `count` ribs, downwards; a first rib begins nearly as high as the second."""
    row = [Beginning((count - n) * LEVEL_MM + shift_mm) for n in range(count)]
    if first:
        row[0] = Beginning(row[1].along_mm + 8.0, is_first=True)
    if last:
        row[-1] = replace(row[-1], is_last=True)
    return row


def test_from_the_first_downwards() -> None:
    row = rows(5, first=True)
    assert numbered(row, row) == ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5))


def test_from_the_twelfth_upwards() -> None:
    row = rows(5, last=True)
    assert numbered(row, row) == ((8, 9, 10, 11, 12), (8, 9, 10, 11, 12))


def test_with_neither_end_nothing_is_guessed() -> None:
    row = rows(5)
    assert numbered(row, row) == (NOTHING, NOTHING)
    assert numbered((), ()) == ((), ())


@pytest.mark.parametrize("shift_mm", [-14.0, -6.0, 0.0, 6.0, 14.0])
def test_one_side_counts_for_the_other_in_a_body_that_lies_askew(shift_mm: float) -> None:
    right, left = rows(6, first=True), rows(5, shift_mm=shift_mm)
    assert numbered(right, left) == ((1, 2, 3, 4, 5, 6), (2, 3, 4, 5, 6))
    assert numbered(left, right) == ((2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 6))


def test_both_ends_that_do_not_leave_twelve_ribs_contradict_each_other() -> None:
    row = rows(11, first=True, last=True)
    assert numbered(row, row) == ((None,) * 11, (None,) * 11)
    whole = rows(12, first=True, last=True)
    assert numbered(whole, whole)[0] == tuple(range(1, 13))


def test_more_than_twelve_ribs_are_not_counted() -> None:
    row = rows(13, first=True)
    assert numbered(row, row) == ((None,) * 13, (None,) * 13)


def test_a_first_rib_below_ribs_of_the_other_side_is_none() -> None:
    right, left = rows(4, first=True), rows(6)
    assert numbered(right, left) == ((None,) * 4, (None,) * 6)


def test_a_first_rib_in_the_middle_of_a_row_is_none() -> None:
    row = rows(5)
    row[2] = replace(row[2], is_first=True)
    assert numbered(row, row) == (NOTHING, NOTHING)


def test_below_a_missing_rib_counting_stops() -> None:
    row = rows(7, first=True)
    del row[4]
    assert numbered(row, row)[0] == (1, 2, 3, 4, None, None)


def test_a_rib_that_one_side_lacks_is_counted_by_the_other() -> None:
    right, left = rows(7, first=True), rows(7, first=True)
    del left[3]
    assert numbered(right, left)[1] == (1, 2, 3, 5, 6, 7)


def test_sides_whose_last_ribs_lie_on_other_levels_contradict_each_other() -> None:
    right, left = rows(5, last=True), rows(6, last=True, shift_mm=-LEVEL_MM)
    assert numbered(right, left) == (NOTHING, (None,) * 6)
