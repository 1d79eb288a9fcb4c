"""The film reader: boxes land where the heat was, at any size; bad answers are loud."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.domain import Bone, FilmRegion
from appliance.errors import AnalysisError, OsteonError, PackError
from appliance.imaging import Film, Volume
from appliance.inference.steps import reader
from appliance.inference.steps.film_centre_heatmap import read
from appliance.inference.steps.film_input import letterbox, resize, window

_CELLS = 48
_PARAMETERS = {
    "side": 384,
    "label": "limb-fracture",
    "bone": "bone-undetermined",
    "least_score": 0.1,
    "most": 4,
    "overlap": 0.3,
}
Array = NDArray[np.float32]


def textured(rows: int, columns: int) -> Array:
    rng = np.random.default_rng(rows)
    coarse = rng.random((rows // 8 + 1, columns // 8 + 1)).astype(np.float32)
    return np.kron(coarse, np.ones((8, 8), dtype=np.float32))[:rows, :columns]


def answering(peaks: dict[tuple[int, int], float], reach: float = 0.05) -> Callable[[Array], Array]:
    """A network that marks those cells (row, column), each with a square box."""

    def network(batch: Array) -> Array:
        assert batch.shape == (1, 1, 384, 384)
        assert batch.dtype == np.float32
        said = np.zeros((1, 5, _CELLS, _CELLS), dtype=np.float32)
        said[:, 1:] = np.log(reach)
        for (row, column), score in peaks.items():
            said[0, 0, row, column] = score
        return said

    return network


@given(rows=st.integers(64, 900), columns=st.integers(64, 900))
@settings(max_examples=25, deadline=None)
def test_a_peak_is_a_box_at_the_same_place_of_the_film(rows: int, columns: int) -> None:
    film = Film(textured(rows, columns), None)
    (found,) = read(film, answering({(24, 24): 0.8}), _PARAMETERS)
    assert found.score == pytest.approx(0.8)
    assert found.bone is Bone.UNDETERMINED
    region = found.region
    assert isinstance(region, FilmRegion)
    cell = 8 * max(rows, columns) / 384
    assert (region.left + region.right) / 2 == pytest.approx(columns / 2, abs=cell)
    assert (region.top + region.bottom) / 2 == pytest.approx(rows / 2, abs=cell)
    assert 0 <= region.left < region.right <= columns
    assert 0 <= region.top < region.bottom <= rows


def test_boxes_come_strongest_first_without_near_doubles() -> None:
    film = Film(textured(400, 400), None)
    network = answering({(10, 10): 0.5, (10, 12): 0.4, (30, 30): 0.9, (40, 5): 0.05}, reach=0.1)
    assert [d.score for d in read(film, network, _PARAMETERS)] == pytest.approx([0.9, 0.5])


def test_a_peak_in_the_margin_is_no_finding() -> None:
    film = Film(textured(400, 120), None)  # fills columns 134 to 250 of the square
    assert read(film, answering({(24, 3): 0.9}), _PARAMETERS) == ()


def spoiled(kind: str) -> Callable[[Array], Array]:
    def network(batch: Array) -> Array:
        said = answering({(24, 24): 0.8})(batch)
        match kind:
            case "nan":
                said[0, 3, 0, 0] = np.nan
            case "constant":
                said[:, 0] = 0.2
            case "above one":
                said[0, 0, 5, 5] = 1.5
            case "huge box":
                said[0, 1, 5, 5] = 80.0
            case _:
                said = said[:, :3]
        return said

    return network


@pytest.mark.parametrize("kind", ["nan", "constant", "above one", "huge box", "shape"])
def test_an_answer_that_cannot_be_is_an_error_never_an_empty_reading(kind: str) -> None:
    film = Film(textured(400, 300), None)
    with pytest.raises(AnalysisError) as caught:
        read(film, spoiled(kind), _PARAMETERS)
    assert caught.value.code == "network-answer-invalid"


def one_sided(batch: Array) -> Array:
    """A network that always marks one place up on the left, and reaches far left and down."""
    said = answering({(12, 10): 0.8})(batch)
    said[0, 1:] = np.log(np.array([0.1, 0.03, 0.02, 0.12]))[:, None, None]
    return said


def centres(film: Film, parameters: dict[str, object]) -> dict[tuple[int, int], float]:
    """(column, row) of each box's middle → score."""
    regions = {found.region: found.score for found in read(film, one_sided, parameters)}
    return {
        (round((region.left + region.right) / 2), round((region.top + region.bottom) / 2)): score
        for region, score in regions.items()
        if isinstance(region, FilmRegion)
    }


def test_the_answers_to_mirrored_films_are_mirrored_back() -> None:
    film = Film(textured(384, 384), None)
    x, y = 10.5 * 8, 12.5 * 8
    assert centres(film, _PARAMETERS) == {(round(x - 15.36), round(y + 17.28)): pytest.approx(0.8)}
    # far left and a little right, seen from four sides, is as far to either side
    corners = {(round(at), round(up)) for at in (x, 384 - x) for up in (y, 384 - y)}
    mirrored = centres(film, {**_PARAMETERS, "mirrored": True})
    assert mirrored == dict.fromkeys(corners, pytest.approx(0.2))


def test_scores_are_calibrated_and_keep_their_order() -> None:
    film = Film(textured(400, 400), None)
    network = answering({(10, 10): 0.5, (30, 30): 0.8})
    wanted = {**_PARAMETERS, "slope": 2.0, "offset": -1.0}
    logits = 2 * np.log([0.8 / 0.2, 1.0]) - 1
    expected = [float(score) for score in 1 / (1 + np.exp(-logits))]
    assert [found.score for found in read(film, network, wanted)] == pytest.approx(expected)


def knowing(chance: float) -> Callable[[Array], Array]:
    def network(batch: Array) -> Array:
        known = np.full((1, 1, _CELLS, _CELLS), chance, dtype=np.float32)
        return np.concatenate([answering({(24, 24): 0.8})(batch), known], axis=1)

    return network


def test_a_film_that_the_network_does_not_know_is_refused_aloud() -> None:
    film = Film(textured(400, 300), None)
    wanted = {**_PARAMETERS, "least_known": 0.3}
    assert len(read(film, knowing(0.4), wanted)) == 1
    for chance, code in ((0.2, "film-not-recognised"), (1.2, "network-answer-invalid")):
        with pytest.raises(AnalysisError) as caught:
            read(film, knowing(chance), wanted)
        assert caught.value.code == code


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0, np.nan])
def test_a_blank_film_is_not_read(grey: float) -> None:
    film = Film(np.full((300, 200), grey, dtype=np.float32), None)
    with pytest.raises(AnalysisError) as caught:
        read(film, answering({}), _PARAMETERS)
    assert caught.value.code == "film-blank"


def test_one_lost_pixel_value_is_not_hidden() -> None:
    pixels = textured(300, 200)
    pixels[150, 100] = np.nan
    with pytest.raises(AnalysisError):
        read(Film(pixels, None), answering({(24, 24): 0.8}), _PARAMETERS)


@pytest.mark.parametrize(
    "change",
    [
        {"side": 0},
        {"side": True},
        {"least_score": 2},
        {"bone": "wing"},
        {"surprise": 1},
        {"mirrored": 1},
        {"slope": float("nan")},
        {"least_known": 2},
        {"refuses_chests": 1},
    ],
)
def test_wrong_parameters_are_a_pack_error(change: dict[str, object]) -> None:
    film = Film(textured(300, 200), None)
    with pytest.raises(PackError) as caught:
        read(film, answering({(24, 24): 0.8}), {**_PARAMETERS, **change})
    assert caught.value.code == "reader-parameters"


def test_a_volume_is_not_a_film() -> None:
    volume = Volume(np.zeros((2, 2, 2), dtype=np.int16), np.zeros(3), np.eye(3))
    with pytest.raises(OsteonError):
        read(volume, answering({}), _PARAMETERS)


def test_packs_find_it_by_name() -> None:
    assert reader("film-centre-heatmap") is read


def test_a_large_film_and_its_reduction_give_the_same_square() -> None:
    large = textured(3000, 2400)
    small = resize(large, 750, 600)
    difference = np.abs(letterbox(large, 384).square - letterbox(small, 384).square)
    assert np.percentile(difference, 99) < 0.08


def test_resizing_keeps_the_mean_and_enlarges_smoothly() -> None:
    film = textured(301, 203)
    assert resize(film, 100, 67).mean() == pytest.approx(film.mean(), abs=0.01)
    ramp = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (40, 1))
    steps = np.diff(resize(ramp, 120, 120)[60, 6:-6])
    assert steps.max() == pytest.approx(steps.min(), rel=0.1)


def test_white_borders_do_not_dim_the_bone() -> None:
    waves = np.sin(np.arange(300) / 7)[:, None] * np.sin(np.arange(200) / 5)
    limb = (0.3 + 0.1 * waves).astype(np.float32)
    bordered = np.pad(limb, 120, constant_values=1.0)
    plain, framed = window(limb), window(bordered)[120:-120, 120:-120]
    assert framed[20:-20, 20:-20].std() > 0.7 * plain.std()
