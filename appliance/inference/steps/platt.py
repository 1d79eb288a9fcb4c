"""What a network says, as a chance: Platt's calibration.

J. Platt, "Probabilistic outputs for support vector machines", 1999. It keeps the order of scores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST = 1e-6
"""From 0 and from 1: nothing is certain."""


def logit(heat: ArrayLike) -> NDArray[np.float64]:
    """Log odds of values in [0, 1]; those at the ends are drawn in by `LEAST`."""
    inside = np.clip(np.asarray(heat, dtype=np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(inside / (1 - inside)))


def calibrated(heat: ArrayLike, slope: float, offset: float) -> NDArray[np.float64]:
    """The logistic of slope * logit(heat) + offset; any shape."""
    return np.asarray(1 / (1 + np.exp(-slope * logit(heat) - offset)))
