"""Fitting the calibration that `appliance.inference.steps.platt` applies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance.inference.steps.platt import logit

_STEPS = 50
_RIDGE = 1e-9


def fit(scores: Sequence[float], are_true: Sequence[bool]) -> tuple[float, float]:
    """Slope and offset of the logistic over the logit of the scores; Newton's method.

    The targets are Platt's, drawn in from 0 and 1 by the number of each kind.
    """
    values = logit(scores)
    design = np.stack([values, np.ones(len(values))], axis=1)
    truth = np.asarray(are_true, dtype=bool)
    many, few = truth.sum(), (~truth).sum()
    wanted = np.where(truth, (many + 1) / (many + 2), 1 / (few + 2))
    weights = np.zeros(2)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-design @ weights))
        bend = design.T @ (design * (chance * (1 - chance))[:, None]) + _RIDGE * np.eye(2)
        weights += np.linalg.solve(bend, design.T @ (wanted - chance))
    return float(weights[0]), float(weights[1])
