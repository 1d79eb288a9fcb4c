"""Places on bones that a person named, looking at slices; and those of a labelled scan."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.domain import Bone, Side, Vector
from appliance.imaging import Volume
from models.training.data.volumes import lidc_labels

COUNTS = Path(__file__).parents[2] / "evaluation" / "ct-anatomy" / "counts.csv"
BONE_FROM_HU = 200
_BONES = {"clavicula": Bone.CLAVICLE, "scapula": Bone.SCAPULA}


@dataclass(frozen=True, slots=True)
class Place:
    """One place and what it is. `view` and `plane_mm` say on which slice it was seen."""

    lps_mm: Vector
    bone: Bone
    side: Side
    rib_number: int | None
    view: str = ""
    plane_mm: float = 0.0


def counted(patient: str, series: int) -> list[Place]:
    """What was counted by eye in one series of a patient."""
    with COUNTS.open(newline="", encoding="utf-8") as table:
        return [
            Place(
                (float(row["x_lps_mm"]), float(row["y_lps_mm"]), float(row["z_lps_mm"])),
                Bone(row["bone"]),
                Side(row["side"]),
                int(row["rib_number"]) if row["rib_number"] else None,
                row["view"],
                float(row["plane_mm"]),
            )
            for row in csv.DictReader(table)
            if (row["patient"], row["series"]) == (patient, str(series))
        ]


def labelled(folder: Path, volume: Volume, each: int, seed: int) -> list[Place]:
    """`each` random places of bone on every rib, clavicle and scapula and the sternum of LIDC."""
    labels, rng = lidc_labels(folder), np.random.default_rng(seed)
    places: list[Place] = []
    for label, name in labels.names.items():
        named = _named(name)
        if named is None:
            continue
        index = np.argwhere((labels.labels == label) & (volume.voxels > BONE_FROM_HU))
        if len(index) < each:
            continue
        chosen = volume.to_lps(rng.permutation(index)[:each].astype(np.float64))
        places += [Place((float(x), float(y), float(z)), *named) for x, y, z in chosen]
    return places


def _named(structure: str) -> tuple[Bone, Side, int | None] | None:
    if structure == "sternum":
        return Bone.STERNUM, Side.UNDETERMINED, None
    parts: Iterator[str] = iter(structure.split("_"))
    match next(parts):
        case "rib":
            side, number = parts
            return Bone.RIB, Side(side), int(number)
        case "clavicula" | "scapula" as bone:
            return _BONES[bone], Side(next(parts)), None
        case _:
            return None
