"""CT frames in Hounsfield units."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from appliance.domain import FrameFacts
from appliance.errors import DecodeError
from appliance.pipeline.decode.pixels import Frames, Stored

AIR: Final = -1024
"""What lies outside the circle that the scanner reconstructs, and the least value of a voxel."""
_LOWEST: Final = -4096
_HIGHEST: Final = 32767
_IMPLAUSIBLE_SHARE: Final = 0.02


def hounsfield(frames: Frames, dataset: Dataset, frame: FrameFacts) -> NDArray[np.int16]:
    """One frame in HU, shape (rows, columns), padding set to air.

    Raises DecodeError: "rescale-invalid", "pixels-implausible", and those of `Frames.stored`.
    """
    slope, intercept = frame.rescale_slope, frame.rescale_intercept
    if slope is None or intercept is None or slope <= 0:
        raise DecodeError("rescale-invalid")
    stored = frames.stored(frame.index)
    values = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    padding = _padding(stored, dataset)
    implausible = (values < _LOWEST) | (values > _HIGHEST)
    if padding is not None:
        implausible &= ~padding
    share = float(np.count_nonzero(implausible)) / values.size
    if share > _IMPLAUSIBLE_SHARE:
        raise DecodeError(
            "pixels-implausible", f"{share:.0%} outside the range of Hounsfield units"
        )
    if padding is not None:
        values[padding] = AIR
    units: NDArray[np.int16] = np.rint(np.clip(values, AIR, _HIGHEST)).astype(np.int16)
    return units


def _padding(stored: Stored, dataset: Dataset) -> NDArray[np.bool_] | None:
    """Where the scanner wrote Pixel Padding Value; None where the header names none.

    The element's VR depends on Pixel Representation and is often wrong: compared modulo 2^16.
    """
    try:
        value = dataset.get("PixelPaddingValue", None)
    except (ValueError, TypeError, NotImplementedError, AttributeError):
        return None
    if type(value) is not int:
        return None
    padding: NDArray[np.bool_] = (stored.astype(np.int64) & 0xFFFF) == (value & 0xFFFF)
    return padding
