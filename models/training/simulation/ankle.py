"""The demo's radiograph: the lower leg `RG3` of `pydicom-data`, and the same leg broken by us.

No network was trained on this film and no threshold was chosen with it.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from models.training.simulation.film import Break, Shaft, break_shaft

SHAPE = (1760, 1760)
_SEED = 3
_FIBULA = Break(Shaft(column=974, row=720, direction=1.64, half_width=24), -0.8, 0.0, -0.5, 0.4)
_TIBIA = Break(Shaft(column=857, row=760, direction=1.56, half_width=56), 0.9, 0.1, 0.45, 0.3)


def broken_ankle(original: Dataset) -> Dataset:
    """RG3 with a displaced break of the shafts of tibia and fibula.

    original: an uncompressed `RG3_UNCR.dcm`, as read by pydicom. It is left as it was. Every
    element but the pixels stays, the SOP Instance UID too: whoever sends both renames one.
    Raises `ValueError` for any other film.
    """
    stored = original.pixel_array
    if stored.shape != SHAPE or original.PhotometricInterpretation != "MONOCHROME1":
        raise ValueError("this is not the film RG3")
    top = 2**original.BitsStored - 1
    pixels = 1 - stored.astype(np.float32) / top
    for what in (_FIBULA, _TIBIA):
        pixels, _ = break_shaft(pixels, what, _SEED)
    broken = copy.deepcopy(original)
    broken.PixelData = _stored(pixels, top).tobytes()
    broken["PixelData"].VR = "OW"
    broken.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return broken


def _stored(pixels: NDArray[np.float32], top: int) -> NDArray[np.uint16]:
    return np.rint((1 - np.clip(pixels, 0, 1)) * top).astype("<u2")
