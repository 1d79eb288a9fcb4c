"""Breaks made in intact films: the shaft really steps, the rest stays, the same seed repeats."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from models.training.simulation.ankle import SHAPE, broken_ankle
from models.training.simulation.film import Break, Shaft, break_shaft, random_break
from models.training.simulation.shafts import find_shaft

_COLUMN = 100
_HALF = 10


def limb() -> NDArray[np.float32]:
    """One upright bone of 20 px in a limb of 90 px."""
    across = np.abs(np.arange(200) - _COLUMN)
    row = np.where(across < 45, 0.35, 0.02) + np.where(across < _HALF, 0.3, 0.0)
    row += np.where((across < _HALF) & (across > _HALF - 4), 0.15, 0.0)
    return np.tile(row.astype(np.float32), (300, 1))


def broken(shift: float = 1.2) -> Break:
    shaft = Shaft(column=_COLUMN, row=150, direction=np.pi / 2, half_width=_HALF)
    return Break(shaft, shift=shift, angle=0.0, slant=0.2, gap=0.3)


def middle_of_bone(film: NDArray[np.float32], row: int) -> float:
    bright = np.flatnonzero(film[row] > 0.5)
    return float(bright.mean())


def test_one_end_steps_aside_and_the_far_film_stays() -> None:
    intact = limb()
    film, region = break_shaft(intact, broken(), seed=1)
    assert middle_of_bone(film, 140) == pytest.approx(_COLUMN, abs=0.6)
    assert abs(middle_of_bone(film, 163) - _COLUMN) == pytest.approx(12, abs=1.5)
    np.testing.assert_allclose(film[:100], intact[:100], atol=1e-3)
    np.testing.assert_allclose(film[270:], intact[270:], atol=1e-3)
    assert region.left < _COLUMN < region.right
    assert region.top < 150 < region.bottom
    assert region.bottom - region.top < 60


def test_a_gap_opens_without_any_shift() -> None:
    film, _ = break_shaft(limb(), broken(shift=0.0), seed=1)
    line = film[135:166, _COLUMN - 3 : _COLUMN + 4].mean(axis=1)
    assert line.min() < 0.5
    assert line[0] == pytest.approx(0.65, abs=0.02)
    assert line[-1] == pytest.approx(0.65, abs=0.02)


def test_the_same_seed_gives_the_same_film() -> None:
    first, box = break_shaft(limb(), broken(), seed=4)
    again, same_box = break_shaft(limb(), broken(), seed=4)
    other, _ = break_shaft(limb(), broken(), seed=5)
    np.testing.assert_array_equal(first, again)
    assert box == same_box
    assert not np.array_equal(first, other)


def test_the_finder_finds_the_shaft_and_nothing_in_air() -> None:
    rng = np.random.default_rng(0)
    found = find_shaft(limb(), rng)
    assert found is not None
    assert found.column == pytest.approx(_COLUMN, abs=3)
    assert abs(np.cos(found.direction)) < 0.1
    assert found.half_width == pytest.approx(_HALF, abs=3)
    air = np.full((300, 200), 0.1, dtype=np.float32)
    assert find_shaft(air, rng) is None


def test_random_breaks_stay_within_the_film() -> None:
    rng = np.random.default_rng(3)
    shaft = Shaft(column=195, row=5, direction=0.4, half_width=12)
    for seed in range(5):
        film, region = break_shaft(limb(), random_break(shaft, rng), seed)
        assert film.shape == (300, 200)
        assert np.isfinite(film).all()
        assert 0 <= region.left < region.right <= 200
        assert 0 <= region.top < region.bottom <= 300


def ankle() -> Dataset:
    """A header and pixels of the demo film's kind."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Rows, dataset.Columns = SHAPE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 10, 9
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.PatientName = "Kept^As It Was"
    across = np.abs(np.arange(SHAPE[1]) - 857)
    row = 1023 - np.where(across < 56, 700, 200)
    dataset.PixelData = np.tile(row.astype("<u2"), (SHAPE[0], 1)).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def test_the_demo_film_changes_in_its_pixels_only() -> None:
    intact = ankle()
    before = copy.deepcopy(intact)
    film = broken_ankle(intact)
    assert intact == before
    assert not np.array_equal(film.pixel_array, intact.pixel_array)
    np.testing.assert_array_equal(film.pixel_array[:200], intact.pixel_array[:200])
    del film.PixelData, before.PixelData
    assert film == before


def test_another_film_is_not_broken() -> None:
    other = ankle()
    other.PhotometricInterpretation = "MONOCHROME2"
    with pytest.raises(ValueError, match="RG3"):
        broken_ankle(other)
