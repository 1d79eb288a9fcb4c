"""Which bone a mark in a CT of the chest lies on: bone, side, number of the rib.

By geometry alone, since on a box nobody has labelled a scan: the spinal canal, the row of ribs
beside it on each side, counted from the first or the twelfth, and the way along bone from a mark
to one of them. Pure numpy and scipy; deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance.domain import Detection
from appliance.imaging import Volume
from appliance.inference.anatomy.naming import name_bones

__all__ = ["name_bones", "named_by_place"]


def named_by_place(volume: Volume, detections: Sequence[Detection]) -> tuple[Detection, ...]:
    """`name_bones`, which never costs a detection.

    Where it fails on a volume that nobody thought of, the marks stay as they are: a rib without a
    number is a smaller loss than a fracture untold.
    """
    try:
        return name_bones(volume, detections)
    except (ArithmeticError, LookupError, MemoryError, ValueError, np.linalg.LinAlgError):
        return tuple(detections)
