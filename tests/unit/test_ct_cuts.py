"""What the CT's training cuts out of a cached patch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.training.ct.augment import CELL, CUTS, Cut, training_sample  # noqa: E402

CACHED = 56
NOWHERE = np.full((2, 3), np.nan, dtype=np.float32)


def sample(
    cut: Cut, seed: int, place: tuple[float, float, float] | None
) -> tuple[torch.Tensor, torch.Tensor]:
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
def test_nine_breaks_in_ten_lie_inside_as_far_as_the_cut_says(cut: Cut) -> None:
    """Of breaks near the side of what is cached, so that the cut must go after them."""
    inside = 0
    for seed in range(100):
        _, target = sample(cut, seed, (14.0, 28.0, 42.0))
        cell = np.array(np.unravel_index(int(target.argmax()), target.shape[1:]))
        far = min(*cell, *(cut.edge // CELL - 1 - cell)) * CELL >= cut.rim - CELL
        inside += float(target.max()) == 1.0 and far
    assert inside >= 88


@pytest.mark.parametrize("cut", CUTS)
def test_an_intact_patch_has_an_empty_target(cut: Cut) -> None:
    _, target = sample(cut, 3, None)
    assert float(target.max()) == 0.0
