"""Write a `Volume` as a CT series that looks as a scanner's would; every identity is made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from appliance.imaging import Volume

RESCALE_INTERCEPT = -1024
LOWEST_HU, HIGHEST_HU = -1024, 3071


def write_series(
    volume: Volume,
    folder: Path,
    *,
    patient_name: str,
    patient_id: str,
    seed: int,
    body_part: str = "CHEST",
    study_date: str = "20260101",
    study_time: str = "020000",
    accession_number: str = "",
    age_years: int = 58,
    sex: str = "M",
    kernel: str = "STANDARD",
) -> list[Path]:
    """Write one CT Image Storage object for each slice (explicit VR little endian).

    The volume's slices, rows and columns become the slices, rows and columns of the series. UIDs
    are derived from `seed`, so equal calls write equal files; another seed is another study.

    Returns:
        The paths, lowest slice first. Names hold no identity.
    """
    folder.mkdir(parents=True, exist_ok=True)
    common = _common(volume, seed, body_part, kernel)
    common.PatientName = patient_name
    common.PatientID = patient_id
    common.PatientSex = sex
    common.PatientAge = f"{age_years:03d}Y"
    common.PatientBirthDate = f"{int(study_date[:4]) - age_years}0101"
    common.AccessionNumber = accession_number
    for stage in ("Study", "Series", "Acquisition", "Content"):
        setattr(common, f"{stage}Date", study_date)
        setattr(common, f"{stage}Time", study_time)
    return [
        _write_slice(volume, common, number, folder / f"slice-{number + 1:04d}.dcm", seed)
        for number in range(volume.voxels.shape[0])
    ]


def _common(volume: Volume, seed: int, body_part: str, kernel: str) -> Dataset:
    between_slices, between_rows, between_columns = volume.spacing_mm
    row_direction = volume.axes[:, 2] / between_columns
    column_direction = volume.axes[:, 1] / between_rows
    common = Dataset()
    common.SOPClassUID = CTImageStorage
    common.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    common.Modality = "CT"
    common.Manufacturer = "Osteon simulation"
    common.ManufacturerModelName = "Replayed public CT"
    common.InstitutionName = "Osteon demonstration"
    common.ReferringPhysicianName = ""
    common.StudyDescription = "CT THORAX"
    common.SeriesDescription = "AXIAL THORAX"
    common.ProtocolName = "THORAX"
    common.BodyPartExamined = body_part
    common.PatientPosition = "HFS"
    common.ConvolutionKernel = kernel
    common.KVP = _decimal(120.0)
    common.StudyID = "1"
    common.SeriesNumber = 2
    common.AcquisitionNumber = 1
    common.StudyInstanceUID = _uid(seed, "study")
    common.SeriesInstanceUID = _uid(seed, "series")
    common.FrameOfReferenceUID = _uid(seed, "frame")
    common.PositionReferenceIndicator = ""
    common.ImageOrientationPatient = [_decimal(v) for v in (*row_direction, *column_direction)]
    common.PixelSpacing = [_decimal(between_rows), _decimal(between_columns)]
    common.SliceThickness = _decimal(between_slices)
    common.SpacingBetweenSlices = _decimal(between_slices)
    common.SamplesPerPixel = 1
    common.PhotometricInterpretation = "MONOCHROME2"
    common.Rows, common.Columns = volume.voxels.shape[1:]
    common.BitsAllocated, common.BitsStored, common.HighBit = 16, 12, 11
    common.PixelRepresentation = 0
    common.RescaleIntercept = _decimal(RESCALE_INTERCEPT)
    common.RescaleSlope = _decimal(1)
    common.RescaleType = "HU"
    common.WindowCenter, common.WindowWidth = _decimal(400), _decimal(1800)
    return common


def _write_slice(volume: Volume, common: Dataset, number: int, path: Path, seed: int) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(seed, f"slice {number}")
    image = FileDataset(str(path), common, file_meta=meta, preamble=b"\0" * 128)
    image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    image.InstanceNumber = number + 1
    position = volume.to_lps(np.array((number, 0.0, 0.0)))
    image.ImagePositionPatient = [_decimal(value) for value in position]
    image.SliceLocation = _decimal(position[2])
    hu = np.clip(volume.voxels[number], LOWEST_HU, HIGHEST_HU)
    image.PixelData = (hu - RESCALE_INTERCEPT).astype("<u2").tobytes()
    image.save_as(path, enforce_file_format=True)
    return path


def _uid(seed: int, part: str) -> UID:
    return generate_uid(entropy_srcs=["osteon", str(seed), part])


def _decimal(value: float) -> str:
    """DICOM's decimal string: at most 16 characters."""
    return f"{float(value):.6f}".rstrip("0").rstrip(".")
