"""A scan as if taken otherwise: what averaging, interpolation and kernels promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.training.simulation.acquisition import sharpened, smoothed, thickened, thinned
from tests.simulators.thorax import thorax

CHEST = thorax().volume


def test_thick_slices_are_means_and_lie_in_the_middle_of_what_they_hold() -> None:
    thick = thickened(CHEST, 6.0)
    assert thick.spacing_mm[0] == pytest.approx(6.0)
    expected = CHEST.voxels[2:4].astype(float).mean(axis=0)
    assert np.abs(thick.voxels[1] - expected).max() <= 0.5
    middle = CHEST.to_lps(np.array([2.5, 7.0, 9.0]))
    assert thick.to_lps(np.array([1.0, 7.0, 9.0])) == pytest.approx(middle)


def test_what_is_thick_already_stays() -> None:
    assert thickened(CHEST, 3.5) is CHEST


def test_thin_slices_lie_between_and_keep_those_that_were_there() -> None:
    thin = thinned(CHEST, 0.75)
    assert thin.spacing_mm[0] == pytest.approx(0.75)
    assert (thin.voxels[::4] == CHEST.voxels).all()
    between = CHEST.voxels[:2].astype(float).mean(axis=0)
    assert np.abs(thin.voxels[2] - between).max() <= 0.5
    assert thin.to_lps(np.array([8.0, 0, 0])) == pytest.approx(CHEST.to_lps(np.array([2.0, 0, 0])))


def test_one_slice_can_be_thinned() -> None:
    assert thinned(replace(CHEST, voxels=CHEST.voxels[:1]), 0.75).voxels.shape[0] == 1


def test_kernels_change_edges_and_noise_but_no_mean() -> None:
    usual = CHEST.voxels.astype(float)
    for changed, louder in ((sharpened(CHEST, 1.2), True), (smoothed(CHEST, 1.5), False)):
        assert changed.voxels.mean() == pytest.approx(usual.mean(), abs=3)
        across = np.abs(np.diff(changed.voxels.astype(float), axis=2)).max(axis=(0, 1))
        before = np.abs(np.diff(usual, axis=2)).max(axis=(0, 1))
        assert (across.max() > before.max()) == louder
