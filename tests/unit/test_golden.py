"""How golden cases are compared, and what counts as a difference."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from appliance.domain import Detection, FilmRegion
from appliance.errors import PackError
from appliance.imaging import Film, Volume
from appliance.inference.golden import differences, golden_image
from appliance.inference.pack import GoldenCase
from appliance.inference.pack_schema import Tolerance

TOLERANCE = Tolerance(score=0.1, position=4.0)
REPORT = 0.3


def spot(score: float, x: float = 10.0, label: str = "spot") -> Detection:
    return Detection(label, score, FilmRegion(x - 2, 0, x + 2, 4))


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        ([spot(0.8)], [spot(0.75, x=13)], []),
        ([], [], []),
        ([spot(0.8)], [], ["missing"]),
        ([], [spot(0.8)], ["extra"]),
        ([spot(0.8)], [spot(0.8, x=14.5)], ["missing", "extra"]),
        ([spot(0.8)], [spot(0.8, label="other")], ["missing", "extra"]),
        ([spot(0.8)], [spot(0.65)], ["score"]),
        ([], [spot(0.25)], ["extra"]),
        ([], [spot(0.15)], []),
        ([spot(0.15)], [], []),
        ([spot(0.15)], [spot(0.28)], ["score"]),
        # each expected one takes its nearest, so that two neighbours are not confused
        ([spot(0.9, x=10), spot(0.5, x=13)], [spot(0.5, x=13), spot(0.9, x=10)], []),
        ([spot(0.8)], [spot(0.8), spot(0.8, x=12)], ["extra"]),
    ],
)
def test_differences(expected: list[Detection], found: list[Detection], words: list[str]) -> None:
    failures = differences(expected, found, REPORT, TOLERANCE)
    assert [failure.split(":")[0] for failure in failures] == words


def case(**arrays: Any) -> GoldenCase:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return GoldenCase("case", file.getvalue(), b"")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_film_is_scaled_to_one(kind: type[np.uint8 | np.uint16]) -> None:
    top = np.iinfo(kind).max
    pixels = np.array([[0, top]], kind)
    image = golden_image(case(pixels=pixels, spacing_mm=np.array([0.2, 0.1])))
    assert isinstance(image, Film)
    assert image.pixels.tolist() == [[0.0, 1.0]]
    assert image.spacing_mm == (0.2, 0.1)


def test_a_volume_keeps_its_geometry() -> None:
    voxels = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    image = golden_image(case(voxels=voxels, origin_lps_mm=np.ones(3), axes=np.eye(3) * 2))
    assert isinstance(image, Volume)
    np.testing.assert_array_equal(image.voxels, voxels)
    assert image.spacing_mm == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    "broken",
    [
        GoldenCase("case", b"not a zip", b""),
        GoldenCase("case", b"", b""),
        case(other=np.zeros(1)),
        case(pixels=np.zeros((2, 2), np.float32)),
        case(voxels=np.zeros((2, 2, 2), np.float64), origin_lps_mm=np.ones(3), axes=np.eye(3)),
        case(pixels=np.array([{}], object)),
    ],
)
def test_what_is_no_golden_image_is_refused(broken: GoldenCase) -> None:
    with pytest.raises(PackError) as caught:
        golden_image(broken)
    assert caught.value.code == "golden-invalid"
