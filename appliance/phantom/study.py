"""Makes the phantom: synthetic images of shapes, in a form that an installed pack reads.

No anatomy of anybody is in it, and nobody decides what a network makes of it: whatever outcome the
pipeline comes to is the outcome.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from appliance.domain import PackScope
from appliance.phantom.marks import MANUFACTURER, PATIENT_ID, PATIENT_NAME

_FILM_SIDE: Final = 512
_FILM_PARTS: Final = ("HAND",)
_SLICE_SIDE: Final = 128
_SLICE_PIXEL_MM: Final = 2.6
_SLICE_MM: Final = 3.0
_EXTENT_MM: Final = 132.0


def phantom_study(scopes: Sequence[PackScope], moment: float) -> tuple[Dataset, ...]:
    """A fresh study, in the smallest form that one of the packs reads: a film, else a CT.

    scopes: of the packs that the box uses; without any it is a film.
    moment: seconds since 1970, for the date and time of the study.
    """
    films = [scope for scope in scopes if scope.image == "film"]
    volumes = [scope for scope in scopes if scope.image == "volume"]
    header = _header(moment)
    if films or not volumes:
        return (_film(header, films[0] if films else None),)
    return _ct(header, volumes[0])


def _header(moment: float) -> Dataset:
    now = datetime.fromtimestamp(moment, UTC).astimezone()
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.StudyInstanceUID = uid.generate_uid(prefix=None)
    header.SeriesInstanceUID = uid.generate_uid(prefix=None)
    header.StudyDate, header.StudyTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    header.StudyDescription = header.SeriesDescription = "TEST PHANTOM, NO PATIENT"
    header.Manufacturer = MANUFACTURER
    header.PatientName, header.PatientID = PATIENT_NAME, PATIENT_ID
    header.PatientBirthDate, header.PatientSex, header.PatientAge = "", "O", "050Y"
    header.AccessionNumber, header.StudyID, header.SeriesNumber = "", "TEST", 1
    header.ReferringPhysicianName = ""
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = 16
    return header


def _instance(header: Dataset, sop_class: uid.UID, pixels: NDArray[Any], number: int) -> Dataset:
    """pixels: int16 or uint16, shape (rows, columns)."""
    image = Dataset()
    image.update(header)
    image.SOPClassUID, image.SOPInstanceUID = sop_class, uid.generate_uid(prefix=None)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = sop_class
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    image.InstanceNumber = number
    image.Rows, image.Columns = pixels.shape
    image.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    return image


# --- film -----------------------------------------------------------------------------------------


def _film(header: Dataset, scope: PackScope | None) -> Dataset:
    side = max(_FILM_SIDE, (scope.smallest_side_px or 0) if scope else 0)
    modality = "CR" if scope and "DX" not in scope.modalities else "DX"
    sop_class = {
        "CR": uid.ComputedRadiographyImageStorage,
        "DX": uid.DigitalXRayImageStorageForPresentation,
    }[modality]
    image = _instance(header, sop_class, _shafts(side), 1)
    image.Modality = modality
    image.BodyPartExamined = (scope.body_parts if scope else _FILM_PARTS)[0]
    image.ViewPosition = "AP"
    image.PresentationIntentType = "FOR PRESENTATION"
    image.PixelIntensityRelationshipSign = 1
    image.ImagerPixelSpacing = [0.3, 0.3]
    image.BitsStored, image.HighBit, image.PixelRepresentation = 12, 11, 0
    return image


def _shafts(side: int) -> NDArray[np.uint16]:
    """Two bright shafts in a soft surrounding, with grain; 12 bits."""
    rows, columns = np.mgrid[:side, :side] / side
    grey = 900 + 700 * np.exp(-(((columns - 0.5) / 0.28) ** 2))
    for centre in (0.4, 0.6):
        across = np.abs(columns - centre) / (0.035 + 0.02 * (2 * rows - 1) ** 2)
        grey += 1300 * np.clip(1.4 - across, 0, 1) * (0.7 + 0.3 * np.clip(across, 0, 1))
    grey += 40 * np.random.default_rng(1).standard_normal(grey.shape)
    stored: NDArray[np.uint16] = np.clip(grey, 0, 4095).astype(np.uint16)
    return stored


# --- CT -------------------------------------------------------------------------------------------


def _ct(header: Dataset, scope: PackScope) -> tuple[Dataset, ...]:
    thinnest, thickest = scope.slice_thickness_mm or (_SLICE_MM, _SLICE_MM)
    thickness = min(max(_SLICE_MM, thinnest), thickest)
    extent = max(_EXTENT_MM, 1.2 * (scope.smallest_extent_mm or 0.0))
    frame_of_reference = uid.generate_uid(prefix=None)
    half = _SLICE_SIDE * _SLICE_PIXEL_MM / 2
    slices = []
    for number in range(math.ceil(extent / thickness)):
        level = number * thickness
        image = _instance(header, uid.CTImageStorage, _chest(level), number + 1)
        image.Modality = "CT"
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.BodyPartExamined = scope.body_parts[0]
        image.AcquisitionNumber = 1
        image.FrameOfReferenceUID = frame_of_reference
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.ImagePositionPatient = [-half, -half, round(level, 3)]
        image.PixelSpacing = [_SLICE_PIXEL_MM, _SLICE_PIXEL_MM]
        image.SliceThickness = thickness
        image.RescaleIntercept, image.RescaleSlope, image.RescaleType = 0, 1, "HU"
        image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 15, 1
        slices.append(image)
    return tuple(slices)


def _chest(level_mm: float) -> NDArray[np.int16]:
    """A slice of a body with two lungs, a spine and, every 25 mm, a pair of ribs; in HU."""
    axis = (np.arange(_SLICE_SIDE) - (_SLICE_SIDE - 1) / 2) * _SLICE_PIXEL_MM
    x, y = axis[None, :], axis[:, None]
    hu = np.full((_SLICE_SIDE, _SLICE_SIDE), -1000.0)
    hu[(x / 145) ** 2 + (y / 105) ** 2 < 1] = 40
    for side in (-1, 1):
        hu[((x - side * 60) / 45) ** 2 + (y / 70) ** 2 < 1] = -820
    hu[x**2 + (y - 75) ** 2 < 18**2] = 300
    # Distance from an ellipse round the lungs, good enough near it.
    shell = (np.sqrt((x / 115) ** 2 + (y / 82) ** 2) - 1) * np.hypot(x, y)
    across = np.hypot(shell, (level_mm + 12.5) % 25.0 - 12.5)
    hu[(across < 6) & (np.abs(x) > 25)] = 700  # noqa: PLR2004 - millimetres
    hu += np.random.default_rng(round(level_mm)).normal(0, 10, hu.shape)
    return hu.astype(np.int16)
