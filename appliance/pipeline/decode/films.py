"""Radiographs as a reader would see them: brighter is denser, in [0, 1]."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from appliance.errors import DecodeError
from appliance.pipeline.decode.pixels import Frames

_DARKEST: Final = 0.5
_BRIGHTEST: Final = 99.5
_SAMPLE: Final = 2**20
_LEAST_CONTRAST: Final = 0.05
"""A window that leaves less of [0, 1] in use than this was not meant for this image."""
_CONVERSION: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError)

Picture = NDArray[np.float32]


def film(frames: Frames, dataset: Dataset) -> Picture:
    """The first frame as float32 in [0, 1], shape (rows, columns); collimation is left alone.

    Raises DecodeError: "image-blank", "attribute-invalid", and those of `Frames.stored`.
    """
    stored = frames.stored(0)
    try:
        values = apply_modality_lut(stored, dataset).astype(np.float32)
    except (*_CONVERSION, NotImplementedError):
        raise DecodeError("attribute-invalid", "modality LUT") from None
    if not np.isfinite(values).all():
        raise DecodeError("rescale-invalid")
    if float(values.min()) == float(values.max()):
        raise DecodeError("image-blank")
    if _word(dataset, "PresentationIntentType") == "FOR PROCESSING":
        return _from_detector(values, dataset)
    picture = _by_table(stored, values, dataset)
    for shown in (picture, _by_window(values, dataset)):
        if shown is not None and _contrast(shown) >= _LEAST_CONTRAST:
            break
    else:
        shown = _by_percentiles(values)
    return 1 - shown if _word(dataset, "PhotometricInterpretation") == "MONOCHROME1" else shown


def _from_detector(values: Picture, dataset: Dataset) -> Picture:
    """FOR PROCESSING: signal of the detector, without any look-up table meant for people."""
    if _word(dataset, "PixelIntensityRelationship") == "LIN":
        values = np.log1p(values - values.min())
    picture = _by_percentiles(values)
    sign = dataset.get("PixelIntensityRelationshipSign", None)
    # 1: low values are little X-ray, which is dense tissue (PS3.3 C.8.11.3.1.2).
    is_inverted = (
        sign == 1
        if sign in {1, -1}
        else _word(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    )
    return 1 - picture if is_inverted else picture


def _by_table(stored: NDArray[np.integer], values: Picture, dataset: Dataset) -> Picture | None:
    """By the first VOI LUT, over its own output range; None where there is none that works."""
    if not dataset.get("VOILUTSequence", None):
        return None
    try:
        is_as_stored = np.array_equal(stored, values)
        values_in = stored if is_as_stored else np.rint(values).astype(np.int32)
        shown = apply_voi_lut(values_in, dataset, prefer_lut=True)
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        picture: Picture = np.clip(shown.astype(np.float32) / (2**bits - 1), 0, 1)
    except (*_CONVERSION, NotImplementedError):
        return None
    return picture


def _by_window(values: Picture, dataset: Dataset) -> Picture | None:
    """By the first window (PS3.3 C.11.2.1.2); None where there is none that works."""
    centre, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    if centre is None or width is None or width < 1:
        return None
    function = _word(dataset, "VOILUTFunction") or "LINEAR"
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(-4 * (values - centre) / width)), dtype=np.float32)
    if function == "LINEAR":
        centre, width = centre - 0.5, max(width - 1, 1.0)
    picture: Picture = np.clip((values - centre) / width + 0.5, 0, 1).astype(np.float32)
    return picture


def _by_percentiles(values: Picture) -> Picture:
    """Between the darkest and the brightest that are no outliers."""
    sample = values.ravel()[:: max(1, values.size // _SAMPLE)]
    low, high = (float(bound) for bound in np.percentile(sample, (_DARKEST, _BRIGHTEST)))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    picture: Picture = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
    return picture


def _contrast(picture: Picture) -> float:
    sample = picture.ravel()[:: max(1, picture.size // _SAMPLE)]
    low, high = np.percentile(sample, (_DARKEST, _BRIGHTEST))
    return float(high - low)


def _word(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword, "") or "").strip().upper()


def _first(dataset: Dataset, keyword: str) -> float | None:
    """The first of the values as a finite number."""
    try:
        value = dataset.get(keyword, None)
        first = float(value if isinstance(value, int | float | str) else next(iter(value or ())))
    except (*_CONVERSION, StopIteration, NotImplementedError):
        return None
    return first if math.isfinite(first) else None
