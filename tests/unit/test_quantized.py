"""Float32 beside INT8, break by break, with networks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.imaging import Volume
from appliance.inference.steps.ct_settings import Settings
from models.training.ct.quantized import INTACT, Pair, highest_near, table
from tests.unit.test_ct_reader import PARAMETERS, brightest

SETTINGS = Settings.of(PARAMETERS)
HERE = (60.0, 60.0, 60.0)


def block(*places: tuple[float, float, float]) -> Volume:
    """120 mm of water, 1 mm voxels, three bright ones a side at each place (x, y, z)."""
    voxels = np.zeros((120, 120, 120), np.int16)
    for place in places:
        x, y, z = (slice(int(each) - 1, int(each) + 2) for each in place)
        voxels[z, y, x] = 3000
    return Volume(voxels, np.zeros(3), np.eye(3)[::-1].copy())


@pytest.mark.parametrize(
    ("bright", "score"),
    [
        ((60.0, 60.0, 60.0), 0.9),
        ((60.0, 60.0, 71.0), 0.9),
        ((60.0, 60.0, 80.0), 0.2),  # 20 mm off: no hit, though it lies in the cube
        ((72.0, 72.0, 72.0), 0.2),  # 21 mm off, along all three
    ],
)
def test_only_what_is_near_a_break_counts(bright: tuple[float, float, float], score: float) -> None:
    found = highest_near(brightest, block(bright), (HERE,), SETTINGS)
    assert found == pytest.approx(score, abs=1e-6)


def test_of_two_breaks_the_higher_counts_and_the_empty_cubes_do_not() -> None:
    volume, there = block((60.0, 60.0, 60.0)), (20.0, 60.0, 60.0)
    assert highest_near(brightest, volume, (there, HERE), SETTINGS) == pytest.approx(0.9)

    def loud_in_air(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        empty = (batch == -1).all(axis=(1, 2, 3, 4), keepdims=True)
        return np.where(empty, 1.0, 0.1) * np.ones((len(batch), 1, 12, 12, 12), np.float32)

    assert highest_near(loud_in_air, volume, (HERE,), SETTINGS) == pytest.approx(0.1)


def test_the_table_tells_each_type_and_keeps_the_intact_places_apart() -> None:
    pairs = [Pair("gap", 0.8, 0.7), Pair("gap", 0.7, 0.72), Pair("buckle", 0.5, 0.5)]
    lines = list(table([*pairs, Pair(INTACT, 0.3, 0.61)], {"from 0.6": 0.6, "from 0.74": 0.74}))
    assert lines[2:] == [
        "| all breaks | 3 | 0.667 | 0.640 | -0.027 | 0.100 | 2, 2 | 1, 0 |",
        "| buckle | 1 | 0.500 | 0.500 | +0.000 | 0.000 | 0, 0 | 0, 0 |",
        "| gap | 2 | 0.750 | 0.710 | -0.040 | 0.100 | 2, 2 | 1, 0 |",
        f"| {INTACT} | 1 | 0.300 | 0.610 | +0.310 | 0.310 | 0, 1 | 0, 0 |",
    ]
