"""Two lung fields on a film are seen, whatever its size, exposure or frame; limbs show none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.errors import AnalysisError
from appliance.imaging import Film
from appliance.inference.steps.film_centre_heatmap import read
from appliance.inference.steps.film_chest import lung_fields, shows_chest
from appliance.inference.steps.film_input import letterbox
from tests.unit.test_film_reader import _PARAMETERS, answering

Pixels = NDArray[np.float32]
_LEFT, _RIGHT = (0.32, 0.45), (0.68, 0.45)
_LUNGS = ((_LEFT, 0.3), (_RIGHT, 0.3))


def ellipse(
    shape: tuple[int, int], middle: tuple[float, float], half: tuple[float, float]
) -> Pixels:
    """Ones within; middle and half axes as shares of the sides, across and down."""
    rows, columns = shape
    down = (np.arange(rows) / rows - middle[1]) / half[1]
    across = (np.arange(columns) / columns - middle[0]) / half[0]
    return (down[:, None] ** 2 + across[None] ** 2 < 1).astype(np.float32)


def chest(
    shape: tuple[int, int] = (400, 400),
    lungs: tuple[tuple[tuple[float, float], float], ...] = _LUNGS,
    grey: float = 0.35,
    tissue: float = 0.75,
) -> Pixels:
    """A bright trunk that reaches both ends of the film, with dark fields inside."""
    film = np.full(shape, tissue, dtype=np.float32)
    film[:, : shape[1] // 20] = film[:, -(shape[1] // 20) :] = 0.05
    for middle, height in lungs:
        film = np.where(ellipse(shape, middle, (0.13, height)) > 0, np.float32(grey), film)
    film[:, int(0.47 * shape[1]) : int(0.53 * shape[1])] = 1.0
    noisy = film + np.random.default_rng(1).normal(0, 0.01, shape).astype(np.float32)
    return np.clip(noisy, 0, 1)


def seen(pixels: Pixels) -> bool:
    return shows_chest(letterbox(pixels, 448).shown)


@pytest.mark.parametrize("shape", [(169, 211), (400, 400), (2400, 2000)])
def test_both_lungs_are_seen_at_any_size(shape: tuple[int, int]) -> None:
    assert seen(chest(shape))


def test_darker_or_lighter_and_framed_it_is_the_same_chest() -> None:
    for exposed in (chest() ** 0.6, chest() ** 1.4, np.pad(chest(), 30, constant_values=1.0)):
        assert seen(exposed.astype(np.float32))


@pytest.mark.parametrize(
    "lungs",
    [
        (),
        ((_LEFT, 0.3),),
        ((_LEFT, 0.3), (_RIGHT, 0.06)),
        ((_LEFT, 0.12), ((0.68, 0.8), 0.12)),
        (((0.3, 0.2), 0.12), ((0.3, 0.7), 0.12)),
    ],
    ids=["none", "one", "unlike", "not level", "one above the other"],
)
def test_anything_else_than_two_lungs_is_no_chest(
    lungs: tuple[tuple[tuple[float, float], float], ...],
) -> None:
    assert not seen(chest(lungs=lungs))


def test_air_between_limbs_is_no_lung() -> None:
    assert not seen(chest(grey=0.05, tissue=0.35))


def test_a_limb_shows_no_enclosed_field() -> None:
    film = np.full((450, 370), 0.05, dtype=np.float32)
    film[:, 120:250] = 0.5
    film[:, 150:180] = film[:, 200:220] = 0.9
    film += np.random.default_rng(2).normal(0, 0.01, film.shape).astype(np.float32)
    assert not seen(film)
    assert not any(fields.are_lungs for fields in lung_fields(letterbox(film.T, 448).shown))


def test_the_reader_refuses_a_chest_where_its_pack_wants_that() -> None:
    film, network = Film(chest(), None), answering({(24, 24): 0.8})
    assert len(read(film, network, _PARAMETERS)) == 1
    with pytest.raises(AnalysisError) as caught:
        read(film, network, {**_PARAMETERS, "refuses_chests": True})
    assert caught.value.code == "film-shows-chest"
