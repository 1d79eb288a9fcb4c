"""The listed places where fractures are made in the patients that are only measured."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.data.ct_scans import FOLDS
from models.training.data.evaluation_sites import sites_looked_at

EVALUATION = FOLDS["a"].evaluation


@pytest.mark.parametrize("patient", EVALUATION)
def test_directions_are_unit_vectors_at_right_angles(patient: str) -> None:
    sites = sites_looked_at(patient)
    assert sites
    for site in sites:
        along, outward = np.array(site.along), np.array(site.outward)
        assert np.linalg.norm(along) == pytest.approx(1, abs=1e-3)
        assert np.linalg.norm(outward) == pytest.approx(1, abs=1e-3)
        assert abs(along @ outward) < 1e-3


def test_nobody_looked_at_a_patient_of_the_training() -> None:
    assert all(sites_looked_at(patient) is None for patient in FOLDS["a"].training)
