"""Simulated chests show lungs, from the front only; half a chest mirrored is a chest."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.imaging import Volume
from appliance.inference.steps.film_chest import shows_chest
from models.training.dr.trunk_examples import coarse, fitted, varied
from models.training.simulation.trunk_film import View, films


def thorax() -> Volume:
    """Two lungs of 1.4 litres in a trunk 30 cm wide, on voxels of 5 mm."""
    z, y, x = (np.arange(n) * 5.0 for n in (64, 50, 70))
    trunk = ((y - 125) / 95)[None, :, None] ** 2 + ((x - 175) / 150)[None, None] ** 2 < 1
    voxels = np.where(np.broadcast_to(trunk, (64, 50, 70)), 40, -1000)
    for middle in (100, 250):
        lung = (
            ((z - 180) / 100)[:, None, None] ** 2
            + ((y - 125) / 65)[None, :, None] ** 2
            + ((x - middle) / 48)[None, None] ** 2
        ) < 1
        voxels = np.where(lung, -850, voxels)
    spine = (np.abs(x - 175) < 20)[None, None] & (np.abs(y - 180) < 20)[None, :, None]
    voxels = np.where(np.broadcast_to(spine, voxels.shape), 500, voxels)
    return Volume(voxels.astype(np.int16), np.zeros(3), np.diag([5.0, 5.0, 5.0])[:, ::-1].copy())


@pytest.mark.timeout(240)
def test_most_simulated_chests_show_two_lungs_and_none_from_the_side() -> None:
    made = list(films(thorax(), 20, np.random.default_rng(4)))
    assert {film.view for film in made} == set(View)
    seen = {view: [shows_chest(coarse(f.pixels)) for f in made if f.view is view] for view in View}
    assert np.mean(seen[View.CHEST]) > 0.6
    assert not any(seen[View.SIDE])


def test_variation_keeps_size_and_range() -> None:
    rng = np.random.default_rng(5)
    shown = rng.random((112, 80)).astype(np.float32)
    assert fitted(shown).shape == (56, 56)
    assert fitted(shown)[:, :8].max() == 0  # as the letterbox leaves it
    for _ in range(20):
        square = varied(shown, rng)
        assert square.shape == (56, 56)
        assert square.dtype == np.float32
        assert np.isfinite(square).all()
