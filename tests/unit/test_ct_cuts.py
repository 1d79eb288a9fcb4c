"""What the CT's training cuts out of a cached patch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.training.ct.augment import CELL, CUTS, Cut, training_sample  # noqa: E402

CACHED = 56
NOWHERE = np.full((2, 3), np.nan, dtype=np.float32)


def sample(cut: Cut, seed: int, place: tuple[float, float, float] | None) -> tuple[object, object]:
    hu = np.random.default_rng(seed).integers(-200, 900, (CACHED,) * 3).astype(np.int16)
    centres = NOWHERE.copy()
    if place is not None:
        centres[0] = place
    return training_sample(hu, centres, np.random.default_rng(seed), 1.0, cut)


@pytest.mark.parametrize("cut", CUTS)
def test_input_and_target_cover_the_same_cube(cut: Cut) -> None:
    cube, target = sample(cut, 1, (28.0, 28.0, 28.0))
    assert cube.shape == (1, *(cut.edge,) * 3)
    assert target.shape == (1, *(cut.edge // CELL,) * 3)


@pytest.mark.parametrize("cut", CUTS)
def test_a_break_lies_inside_as_far_as_the_cut_says(cut: Cut) -> None:
    seen = []
    for seed in range(60):
        _, target = sample(cut, seed, (28.0, 28.0, 28.0))
        if float(target.max()) == 1.0:  # nine in ten are cut round the break
            cell = np.array(np.unravel_index(int(target.argmax()), target.shape[1:]))
            seen += [*cell, *(cut.edge // CELL - 1 - cell)]
    assert len(seen) > 200
    assert min(seen) * CELL >= cut.rim - CELL


def test_the_small_cut_shows_breaks_nearer_to_its_side() -> None:
    large, small = CUTS
    assert small.edge < large.edge
    assert small.rim < large.rim


@pytest.mark.parametrize("cut", CUTS)
def test_an_intact_patch_has_an_empty_target(cut: Cut) -> None:
    _, target = sample(cut, 3, None)
    assert float(target.max()) == 0.0
