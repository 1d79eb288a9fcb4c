"""The listed places where fractures are made in the patients that are only measured."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.domain import Bone
from models.training.data.ct_scans import FOLDS, Fold
from models.training.data.evaluation_sites import other_bones_looked_at, sites_looked_at

EVALUATION = FOLDS["a"].evaluation


@pytest.mark.parametrize("patient", EVALUATION)
def test_directions_are_unit_vectors_at_right_angles(patient: str) -> None:
    ribs, others = sites_looked_at(patient), other_bones_looked_at(patient)
    assert ribs
    assert others
    for site in (*ribs, *others):
        along, outward = np.array(site.along), np.array(site.outward)
        assert np.linalg.norm(along) == pytest.approx(1, abs=1e-3)
        assert np.linalg.norm(outward) == pytest.approx(1, abs=1e-3)
        assert abs(along @ outward) < 1e-3


def test_nobody_looked_at_a_patient_of_the_training() -> None:
    for patient in (*FOLDS["a"].training, *FOLDS["a"].tuning):
        assert sites_looked_at(patient) is None
        assert other_bones_looked_at(patient) == []


def test_sternum_clavicle_and_scapula_are_all_measured() -> None:
    found = {site.bone for patient in EVALUATION for site in other_bones_looked_at(patient)}
    assert found == {Bone.STERNUM, Bone.CLAVICLE, Bone.SCAPULA}


@pytest.mark.parametrize("fold", FOLDS.values(), ids=FOLDS)
def test_a_patient_has_one_use_only(fold: Fold) -> None:
    used = (*fold.training, *fold.tuning, *fold.evaluation)
    assert len(set(used)) == len(used)
