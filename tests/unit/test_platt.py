"""Scores as chances: what a pack's calibration does, and how it is fitted."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.domain import Detection, VolumeRegion
from appliance.evaluation import Exam, Lesion, Scored, Within, score
from appliance.inference.steps.platt import calibrated
from models.training import platt
from models.training.ct.choose import fitted

HEAT = np.linspace(0, 1, 101)


def test_a_calibration_of_one_and_nought_changes_nothing() -> None:
    assert calibrated(HEAT, 1.0, 0.0) == pytest.approx(HEAT, abs=1e-5)


def test_a_calibration_keeps_the_order_and_the_bounds() -> None:
    chance = calibrated(HEAT, 2.7, -1.2)
    assert (np.diff(chance) > 0).all()
    assert 0 <= chance.min() < chance.max() <= 1
    assert float(calibrated(0.5, 2.7, -1.2)) == pytest.approx(1 / (1 + np.exp(1.2)))


def test_the_fit_finds_what_made_the_data() -> None:
    rng = np.random.default_rng(4)
    said = rng.uniform(0.05, 0.95, 20_000)
    is_true = rng.uniform(size=said.size) < calibrated(said, 2.0, 0.7)
    slope, offset = platt.fit(said.tolist(), is_true.tolist())
    assert (slope, offset) == pytest.approx((2.0, 0.7), abs=0.1)


def test_marks_that_are_all_false_do_not_break_the_fit() -> None:
    slope, offset = platt.fit([0.3, 0.4, 0.5], [False, False, False])
    assert np.isfinite([slope, offset]).all()
    assert float(calibrated(0.4, slope, offset)) < 0.5


def exam(name: str, *marks: tuple[float, float], lesions: tuple[float, ...] = ()) -> Scored:
    """Marks (score, x) and lesions (x) of a reading."""
    said = tuple(
        Detection("rib-fracture", value, VolumeRegion((x, 0.0, 0.0), (20.0, 20.0, 20.0)))
        for value, x in marks
    )
    broken = tuple(Lesion(((x, 0.0, 0.0),), {}) for x in lesions)
    return score(Exam("p", name, broken, said), Within(10.0))


READ = (
    exam("intact", (0.5, 0.0), (0.4, 50.0)),
    exam("intact, thick", (0.45, 0.0)),
    exam("fractured", (0.9, 0.0), (0.8, 100.0), (0.35, 200.0), lesions=(0.0, 100.0)),
)


def test_false_marks_count_as_if_they_were_higher() -> None:
    kind, strict = (float(calibrated(0.6, *fitted(READ, margin))) for margin in (0.0, 0.3))
    assert strict < kind
