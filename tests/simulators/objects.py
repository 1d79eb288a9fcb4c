"""Small synthetic DICOM objects: a CT series that hangs together, and a radiograph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

PATIENT_NAME = "Probe^Petra"
"""Found in clear anywhere outside the original, it is a leak."""

Pixels = npt.NDArray[Any]


def ct_series(
    count: int = 3,
    *,
    side: int = 32,
    spacing_mm: float = 1.0,
    thickness_mm: float = 1.0,
    pixels: Callable[[int], Pixels] | None = None,
    study_uid: str | None = None,
    series_uid: str | None = None,
    **attributes: Any,
) -> list[Dataset]:
    """An axial, original series of explicit little-endian CT slices, from the feet upwards.

    side: rows and columns. spacing_mm: in the plane. pixels: stored values of slice i, shape
    (side, side) int16, with HU = value - 1024; a soft disc of water by default. attributes: further
    DICOM keywords, for every slice; a callable is called with the slice's number.
    """
    study_uid = study_uid or uid.generate_uid()
    series_uid = series_uid or uid.generate_uid()
    frame_of_reference = uid.generate_uid()
    slices = []
    for index in range(count):
        stored = disc(side, 1024) if pixels is None else pixels(index)
        one = _image(stored, uid.CTImageStorage, study_uid, series_uid, "CT")
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        one.BodyPartExamined = "CHEST"
        one.InstanceNumber = index + 1
        one.AcquisitionNumber = 1
        one.PixelSpacing = [spacing_mm, spacing_mm]
        one.SliceThickness = thickness_mm
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [0.0, 0.0, index * thickness_mm]
        one.FrameOfReferenceUID = frame_of_reference
        one.RescaleIntercept = -1024
        one.RescaleSlope = 1
        one.RescaleType = "HU"
        one.ConvolutionKernel = "B70f"
        one.PixelRepresentation = 1
        _apply(one, attributes, index)
        slices.append(one)
    return slices


def film(
    *,
    rows: int = 64,
    columns: int = 48,
    pixels: Pixels | None = None,
    modality: str = "DX",
    study_uid: str | None = None,
    **attributes: Any,
) -> Dataset:
    """A radiograph of an ankle, MONOCHROME2, 12 bits; `modality` is DX or CR."""
    stored = np.linspace(0, 4095, rows * columns).reshape(rows, columns).astype(np.uint16)
    sop_class = {
        "DX": uid.DigitalXRayImageStorageForPresentation,
        "CR": uid.ComputedRadiographyImageStorage,
    }[modality]
    one = _image(
        stored if pixels is None else pixels,
        sop_class,
        study_uid or uid.generate_uid(),
        uid.generate_uid(),
        modality,
    )
    one.BitsStored, one.HighBit = 12, 11
    one.ImageType = ["ORIGINAL", "PRIMARY"]
    one.BodyPartExamined = "ANKLE"
    one.ViewPosition = "AP"
    one.InstanceNumber = 1
    one.ImagerPixelSpacing = [0.15, 0.15]
    one.PixelIntensityRelationshipSign = 1
    _apply(one, attributes, 0)
    return one


def disc(side: int, value: int) -> Pixels:
    """A disc of `value` in air, int16."""
    axis = np.arange(side) - (side - 1) / 2
    inside = np.hypot(axis[:, None], axis[None, :]) < 0.4 * side
    return np.where(inside, value, 24).astype(np.int16)


def encoded_as(original: Dataset, transfer_syntax: str) -> Dataset:
    """A copy for this transfer syntax. Compressed pixels are a stand-in that no codec can read:
    who only carries them must not look."""
    syntax = uid.UID(transfer_syntax)
    one = Dataset()
    one.update(original)
    one.file_meta = FileMetaDataset()
    one.file_meta.update(original.file_meta)
    one.file_meta.TransferSyntaxUID = syntax
    if syntax.is_encapsulated:
        one.PixelData = _encapsulated(b"\xff\xd8not a real codestream\xff\xd9")
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    elif not syntax.is_little_endian:
        one.PixelData = np.frombuffer(one.PixelData, "<u2").astype(">u2").tobytes()
    return one


def _encapsulated(frame: bytes) -> bytes:
    frame += b"\0" * (len(frame) % 2)
    item = b"\xfe\xff\x00\xe0"
    return item + bytes(4) + item + len(frame).to_bytes(4, "little") + frame


def _image(stored: Pixels, sop_class: str, study: str, series: str, modality: str) -> Dataset:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = uid.UID(sop_class)
    one.SpecificCharacterSet = "ISO_IR 192"
    one.SOPClassUID = sop_class
    one.SOPInstanceUID = uid.generate_uid()
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    one.StudyInstanceUID, one.SeriesInstanceUID = study, series
    one.StudyDate, one.StudyTime = "20260102", "030405"
    one.Modality = modality
    one.Manufacturer = "Simulator"
    one.AccessionNumber = "A0001"
    one.ReferringPhysicianName = ""
    one.PatientName, one.PatientID = PATIENT_NAME, "P0001"
    one.PatientBirthDate, one.PatientSex = "19700101", "F"
    one.PatientAge = "056Y"
    one.StudyID, one.SeriesNumber = "1", 1
    one.SamplesPerPixel = 1
    one.PhotometricInterpretation = "MONOCHROME2"
    one.Rows, one.Columns = stored.shape
    one.BitsAllocated, one.BitsStored, one.HighBit = 16, 16, 15
    one.PixelRepresentation = 0
    one.PixelData = stored.astype("<i2" if stored.dtype.kind == "i" else "<u2").tobytes()
    return one


def _apply(one: Dataset, attributes: dict[str, Any], index: int) -> None:
    for keyword, value in attributes.items():
        setattr(one, keyword, value(index) if callable(value) else value)
