"""The pictures show the right place, the right way round, and nothing about the patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from appliance.domain import FilmRegion
from appliance.imaging import Film, Volume
from appliance.pipeline.results.drawing import OTHER, URGENT
from appliance.pipeline.results.picture import HEIGHT, WIDTH, draw_pictures
from appliance.pipeline.results.picture_ct import AXIAL, OVERVIEW, ZOOM
from appliance.pipeline.results.picture_film import FILM
from tests.simulators.readings import chest, ct_request, film, film_fracture, film_request, rib


def flip(volume: Volume, axis: int) -> Volume:
    """The same patient, stored the other way round along one axis."""
    last = np.zeros(3)
    last[axis] = volume.voxels.shape[axis] - 1
    axes = volume.axes.copy()
    axes[:, axis] *= -1.0
    return Volume(np.flip(volume.voxels, axis), volume.to_lps(last), axes)


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """(x, y) of the pixels of a colour, shape (n, 2)."""
    return np.argwhere((picture == np.array(colour)).all(axis=2))[:, ::-1]


def inside(points: np.ndarray, area: object) -> np.ndarray:
    left, top = area.left, area.top  # type: ignore[attr-defined]
    right, bottom = area.right, area.bottom  # type: ignore[attr-defined]
    x, y = points.T
    return points[(x >= left) & (x < right) & (y >= top) & (y < bottom)]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_however_a_volume_is_stored_the_patient_is_shown_the_same_way(axis: int) -> None:
    volume = chest()
    volume.voxels[20:40, 30:40, 100:110] = 2000  # something that tells the sides apart
    marked = ((rib(), True), (rib(3, score=0.5, centre=(-90.0, 50.0, -950.0)), False))
    straight = draw_pictures(ct_request(marked, volume))[0].copy()
    flipped = draw_pictures(ct_request(marked, flip(volume, axis)))[0].copy()
    slice_line = slice(AXIAL.bottom - 50, AXIAL.bottom)
    for picture in (straight, flipped):
        picture[slice_line, : AXIAL.left + 460] = 0  # "slice 31 of 60" counts as stored
    np.testing.assert_array_equal(straight, flipped)


def test_the_patients_left_is_at_the_viewers_right_and_the_head_on_top() -> None:
    picture = draw_pictures(ct_request(((rib(centre=(120.0, 60.0, -950.0)), True),)))[0]
    marks = coloured(picture, URGENT)
    axial, overview = inside(marks, AXIAL), inside(marks, OVERVIEW)
    assert axial[:, 0].mean() > AXIAL.left + AXIAL.width / 2
    assert axial[:, 1].mean() > AXIAL.top + AXIAL.height / 2  # behind the middle: posterior
    assert overview[:, 1].mean() < OVERVIEW.top + OVERVIEW.height / 2
    assert inside(marks, ZOOM).size


def test_a_picture_for_each_of_the_three_gravest_findings() -> None:
    marked = tuple((rib(number, score=0.9 - 0.1 * number), True) for number in range(1, 6))
    pictures = draw_pictures(ct_request((*marked, (rib(9, score=0.99), False))))
    assert len(pictures) == 3
    assert all(picture.shape == (HEIGHT, WIDTH, 3) for picture in pictures)
    assert all(picture.dtype == np.uint8 for picture in pictures)


def test_without_an_urgent_finding_there_is_one_picture_and_without_any_an_unmarked_one() -> None:
    pictures = draw_pictures(ct_request(((rib(), False), (rib(3), False))))
    assert len(pictures) == 1
    assert inside(coloured(pictures[0], OTHER), AXIAL).size
    (unmarked,) = draw_pictures(ct_request(()))
    assert inside(np.argwhere(unmarked.max(axis=2) > 0), AXIAL).size
    for colour in (OTHER, URGENT):
        assert not inside(coloured(unmarked, colour), AXIAL).size


def test_nothing_about_the_patient_reaches_a_picture() -> None:
    request = ct_request(((rib(), True),))
    named = draw_pictures(request)[0]
    np.testing.assert_array_equal(named, draw_pictures(replace(request, attributes="{}"))[0])


@pytest.mark.parametrize(("rows", "columns"), [(300, 240), (900, 200), (150, 800), (2500, 2048)])
def test_a_film_of_any_shape_is_marked_where_the_finding_is(rows: int, columns: int) -> None:
    box = FilmRegion(columns * 0.7, rows * 0.1, columns * 0.8, rows * 0.2)
    found = replace(film_fracture(), region=box)
    picture = draw_pictures(film_request(((found, True),), film(rows, columns)))[0]
    middle = inside(coloured(picture, URGENT), FILM).mean(axis=0)
    scale = min(FILM.width / columns, FILM.height / rows)
    expected = (
        FILM.left + FILM.width / 2 + (0.75 - 0.5) * columns * scale,
        FILM.top + FILM.height / 2 + (0.15 - 0.5) * rows * scale,
    )
    np.testing.assert_allclose(middle, expected, atol=22)  # the number beside it pulls a little


def test_an_empty_film_and_an_empty_volume_still_make_a_picture() -> None:
    black = Film(np.zeros((50, 40), dtype=np.float32), None)
    assert len(draw_pictures(film_request(((film_fracture(), True),), black))) == 1
    empty = chest((4, 16, 16))
    air = Volume(np.full((4, 16, 16), -1000, dtype=np.int16), empty.origin_lps_mm, empty.axes)
    outside = rib(centre=(9e3, 9e3, 9e3))
    assert len(draw_pictures(ct_request(((outside, True),), air))) == 1


def test_a_region_of_the_wrong_kind_is_an_error() -> None:
    request = ct_request(((film_fracture(), True),))
    with pytest.raises(TypeError, match="film's region"):
        draw_pictures(request)
