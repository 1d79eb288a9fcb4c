"""Films of a labelled set: DICOM through the box's own decoding child, pictures by Pillow."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import UnidentifiedImageError

from appliance.clock import SystemClock
from appliance.domain import InstanceHeader, Job
from appliance.errors import DecodeError, LabelledSetError
from appliance.imaging import Film
from appliance.pipeline.decode import Decoder

_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
"""How PNG, JPEG and TIFF begin. All else is taken for DICOM, which need not say what it is."""
_PREAMBLE, _DICOM = 128, b"DICM"
"""A DICOM file may begin as a TIFF for other programs (PS3.10 7.1): what follows decides."""
_DEPTHS: Final = {"uint8": 2**8 - 1, "uint16": 2**16 - 1}


def read_film(path: Path) -> Film:
    """One film, brighter = denser, in [0, 1].

    Raises:
        LabelledSetError: `labelled-film-invalid`, with the decoder's code for DICOM.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_PREAMBLE + len(_DICOM))
            is_picture = head.startswith(_PICTURES) and head[_PREAMBLE:] != _DICOM
        return _picture(path) if is_picture else _dicom(path)
    except (OSError, ValueError, SyntaxError, Picture.DecompressionBombError) as error:
        raise LabelledSetError("labelled-film-invalid", type(error).__name__) from None


def _dicom(path: Path) -> Film:
    def open_instance(_: int) -> AbstractContextManager[BinaryIO]:
        return path.open("rb")

    with Decoder(open_instance, SystemClock()) as decoder:
        ((_, header),) = decoder.headers([0])
        if not isinstance(header, InstanceHeader):
            raise LabelledSetError("labelled-film-invalid", header.code)
        facts = header.facts
        try:
            return decoder.film(Job("", facts.series_uid, (0,), None, None), {0: facts})
        except DecodeError as error:
            raise LabelledSetError("labelled-film-invalid", error.code) from None


def _picture(path: Path) -> Film:
    try:
        with Picture.open(path, formats=("PNG", "JPEG", "TIFF")) as opened:
            grey = opened if opened.mode in {"L", "I;16"} else opened.convert("L")
            pixels = np.asarray(grey)
    except UnidentifiedImageError:
        raise LabelledSetError("labelled-film-invalid", "no picture") from None
    highest = _DEPTHS.get(pixels.dtype.name)
    if highest is None:
        raise LabelledSetError("labelled-film-invalid", pixels.dtype.name)
    scaled: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(highest)
    return Film(scaled, None)
