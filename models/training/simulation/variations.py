"""What breaks have beside their type: a fragment of their own, or the first callus round them.

Both change HU that have been broken already, and leave the type and the place as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.training.simulation.local_bone import LocalBone

FRAGMENT_MM = (3.0, 7.0)
"""Length of a fragment along the bone."""
FRAGMENT_SHIFT_MM = (1.5, 4.0)
CALLUS_HU = (110.0, 260.0)
"""Of woven, little mineralised bone; cortex has 800 and more."""
CALLUS_NOISE_HU = 35.0
CALLUS_THICK_MM = (2.0, 4.5)
CALLUS_LONG_MM = (5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Variation:
    """comminuted: a wedge of cortex lies loose. callus: as after two to four weeks."""

    comminuted: bool = False
    callus: bool = False

    @property
    def name(self) -> str:
        """For strata of an evaluation."""
        if self.comminuted:
            return "comminuted"
        return "early callus" if self.callus else "fresh"


FRESH = Variation()
COMMINUTED = Variation(comminuted=True)
EARLY_CALLUS = Variation(callus=True)


def with_fragment(
    bone: LocalBone,
    broken: NDArray[np.float32],
    beyond: NDArray[np.float64],
    normal: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """A wedge on one side of the break, between it and a second plane, carried away by itself.

    broken: HU of the bone's box. beyond: mm from the break's plane, along `normal` (unit, LPS).
    """
    sideways = np.cross(normal, rng.normal(size=3))
    sideways /= np.linalg.norm(sideways)
    length = rng.uniform(*FRAGMENT_MM)
    shift = sideways * rng.uniform(*FRAGMENT_SHIFT_MM) + normal * rng.uniform(-1, 1)
    moved, _ = bone.shifted(shift, np.ones_like(beyond))
    half = bone.half_extent_along(normal)
    # The wedge's flank slopes: its base is at the break, its tip at the second plane.
    flank = bone.offset @ sideways - 3.0 * beyond / length
    share = np.clip(beyond / (2 * half) + 0.5, 0, 1)
    share *= np.clip((length - beyond) / (2 * half) + 0.5, 0, 1)
    share *= np.clip(flank / 1.5 + 0.5, 0, 1)
    return np.asarray(broken + share * (moved - broken), dtype=np.float32)


def with_callus(
    broken: NDArray[np.float32],
    cuts: list[NDArray[np.float64]],
    rim: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """A cloudy cuff round each break, which also fills the gap; nothing gets darker.

    broken: HU. cuts: mm from each break's plane. rim: mm to the surface of the bone, negative in it
    """
    level = rng.uniform(*CALLUS_HU)
    thick, long = rng.uniform(*CALLUS_THICK_MM), rng.uniform(*CALLUS_LONG_MM)
    cloud = ndimage.gaussian_filter(rng.normal(0, 1, broken.shape), 1.5)
    cloud *= CALLUS_NOISE_HU / max(float(cloud.std()), 1e-6)
    near = np.max([np.exp(-((cut / long) ** 2)) for cut in cuts], axis=0)
    weight = near * np.clip(1 - np.clip(rim, 0, None) / (thick * np.maximum(near, 0.1)), 0, 1)
    raised = np.clip(level + cloud - broken, 0, None)
    return np.asarray(broken + weight * raised, dtype=np.float32)
