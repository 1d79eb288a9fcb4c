"""Read simulated fractures and intact scans of the patients of a fold that were kept apart.

    python -m models.training.ct.evaluate DATA NETWORK.onnx --fold a

Each fractured reading holds several fractures, far from each other; each is read as it is and in
thicker slices. With `--tuning`: the patients that are there to choose on. The report of a finished
pack is made by `models.training.evaluate`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from appliance.domain import FractureType, Side
from appliance.evaluation import (
    Exam,
    Lesion,
    Scored,
    Within,
    by_lesion,
    froc,
    score,
)
from appliance.imaging import Volume
from appliance.inference.steps import Network
from appliance.inference.steps.ct_bone_patches import read
from models.training.ct.pack import FOLDER, RUNTIMES, load, parameters
from models.training.ct.sites import far_apart, sites_of
from models.training.data.ct_scans import FOLDS, Scan, scans
from models.training.data.evaluation_sites import other_bones_looked_at, sites_looked_at
from models.training.simulation.acquisition import sharpened, smoothed, thickened, thinned
from models.training.simulation.ct import Fracture, break_rib
from models.training.simulation.variations import COMMINUTED, EARLY_CALLUS, FRESH, Variation

FRACTURES = 12
SITES = 240
APART_MM = 45.0
OTHERS_APART_MM = 40.0
OTHER_BONE_FROM_HU = 180
THICK_MM = 5.0
THICK = ", thick"
"""Ends the names of such readings."""
HIT = Within(15.0)
KINDS = (
    FractureType.DISPLACED,
    FractureType.NON_DISPLACED,
    FractureType.BUCKLE,
    FractureType.SEGMENTAL,
)


VARIED = {
    COMMINUTED: (FractureType.DISPLACED, FractureType.SEGMENTAL),
    EARLY_CALLUS: (FractureType.DISPLACED, FractureType.NON_DISPLACED, FractureType.SEGMENTAL),
}
"""Kinds that can look so."""
THIN_MM, SHARPER, SMOOTHER_MM = 0.625, 1.2, 0.9


def fractured(scan: Scan, seed: int, variation: Variation = FRESH) -> tuple[Volume, list[Fracture]]:
    """The scan with up to `FRACTURES` fractures, the kinds in turn."""
    kinds = VARIED.get(variation, KINDS)
    rng = np.random.default_rng((5, seed))
    volume = scan.volume
    made: list[Fracture] = []
    sites = sites_looked_at(scan.patient) or sites_of(scan, SITES, rng)
    for site in far_apart(sites, APART_MM, rng):
        kind = kinds[(len(made) + seed) % len(kinds)]
        volume, fracture = break_rib(
            volume, scan.bone, site, kind, seed=int(rng.integers(2**31)), variation=variation
        )
        made.append(fracture)
        if len(made) == FRACTURES:
            break
    return volume, made


def lesion(fracture: Fracture, volume: Volume) -> Lesion:
    """What figures are stratified by; the volume is the one that was read."""
    slices = "up to 3 mm" if volume.spacing_mm[0] <= 3 else "above 3 mm"
    attributes = {
        "bone": fracture.site.bone.value,
        "type": fracture.type.value,
        "type and slices": f"{fracture.type.value}, {slices}",
        "displacement": _displacement(fracture.displacement_mm),
        "look": fracture.variation.name,
    }
    if fracture.site.side is not Side.UNDETERMINED:
        attributes["side"] = fracture.site.side.value
    return Lesion(fracture.centres_lps_mm, attributes)


def readings(scan: Scan, reads: int) -> Iterator[tuple[str, Volume, list[Fracture]]]:
    """The scan intact, then `reads` times fractured; each as it is and in thick slices."""
    cases: Iterator[tuple[str, Volume, list[Fracture]]] = (
        (f"fractured {seed}", *fractured(scan, seed)) for seed in range(reads)
    )
    for name, volume, made in [("intact", scan.volume, []), *cases]:
        yield name, volume, made
        thick = thickened(volume, THICK_MM)
        if thick is not volume:
            yield f"{name}{THICK}", thick, made


def taken_otherwise(scan: Scan) -> Iterator[tuple[str, Volume, list[Fracture]]]:
    """One fractured reading and the intact scan, as other scanners and other days show them."""
    volume, made = fractured(scan, 0)
    for name, change in (
        ("thin slices", partial(thinned, mm=THIN_MM)),
        ("sharp kernel", partial(sharpened, strength=SHARPER)),
        ("smooth kernel", partial(smoothed, sigma_mm=SMOOTHER_MM)),
    ):
        yield f"fractured, {name}", change(volume), made
        yield f"intact, {name}", change(scan.volume), []
    for variation in VARIED:
        yield f"fractured, {variation.name}", *fractured(scan, 0, variation)


def other_bones(scan: Scan) -> tuple[Volume, list[Fracture]]:
    """The scan with sternum, clavicles and scapulae broken, where somebody looked."""
    rng = np.random.default_rng(8)
    volume = scan.volume
    made: list[Fracture] = []
    bone = scan.volume.voxels >= OTHER_BONE_FROM_HU
    kinds = (FractureType.DISPLACED, FractureType.NON_DISPLACED)
    for site in far_apart(other_bones_looked_at(scan.patient), OTHERS_APART_MM, rng):
        kind = kinds[len(made) % len(kinds)]
        volume, fracture = break_rib(volume, bone, site, kind, seed=int(rng.integers(2**31)))
        made.append(fracture)
    return volume, made


def scored(
    data: Path, patients: tuple[str, ...], network: Network, told: Mapping[str, object], reads: int
) -> Iterator[tuple[float, Scored]]:
    """Every reading of the patients, with the distance of its slices in mm.

    told: what a pack tells its reader.
    """
    for scan in scans(data, patients):
        for name, volume, made in readings(scan, reads):
            lesions = tuple(lesion(each, volume) for each in made)
            exam = Exam(scan.patient, name, lesions, read(volume, network, told))
            yield volume.spacing_mm[0], score(exam, HIT)


def main() -> None:
    """Read the arguments, read the scans, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("--pack", type=Path, default=FOLDER, help="whose pack.yaml is used")
    parser.add_argument("--fold", choices=sorted(FOLDS), default="a")
    parser.add_argument("--tuning", action="store_true", help="the patients to choose on")
    parser.add_argument("--runtime", default="openvino", choices=sorted(RUNTIMES))
    parser.add_argument("--reads", type=int, default=4)
    given = parser.parse_args()
    network, fold = load(given.network, given.runtime), FOLDS[given.fold]
    patients = fold.tuning if given.tuning else fold.evaluation
    exams: list[Scored] = []
    for slices_mm, exam in scored(
        given.data, patients, network, parameters(given.pack), given.reads
    ):
        exams.append(exam)
        told: dict[str, object] = {
            "patient": exam.patient,
            "reading": exam.name,
            "slices_mm": slices_mm,
        }
        told["found"] = [
            (
                each.lesion.attributes["type"],
                round(max(each.score, 0.0), 3),
                "" if each.mark is None else each.mark.type.value,
            )
            for each in exam.lesions
        ]
        told["wrong"] = [round(m.mark.score, 3) for m in exam.marks if not m.hits]
        print(json.dumps(told), flush=True)
    as_scanned = [exam for exam in exams if not exam.name.endswith(THICK)]
    thick = [exam for exam in exams if exam.name.endswith(THICK)]
    for slices, some in (("all", exams), ("as scanned", as_scanned), ("thick", thick)):
        for name, part in {"all": some, **by_lesion(some, "type")}.items():
            if part:
                print(json.dumps(_figures(f"{name}, slices {slices}", part)))


def _figures(name: str, exams: Sequence[Scored]) -> dict[str, object]:
    curve = froc(exams)
    return {
        "fractures": name,
        "n": sum(len(exam.lesions) for exam in exams),
        "mean": round(curve.mean, 3),
        **{f"at {count:g} FP": round(found, 3) for count, found in curve.sensitivities.items()},
        "scores": [
            round(float(each), 3)
            for each in np.quantile(
                [max(lesion.score, 0.0) for exam in exams for lesion in exam.lesions] or [0.0],
                (0.1, 0.25, 0.5, 0.75),
            )
        ],
    }


def _displacement(mm: float) -> str:
    steps = ((1.0, "below 1 mm"), (3.0, "1-3 mm"), (5.0, "3-5 mm"))
    return next((name for top, name in steps if mm < top), "5 mm and more")


if __name__ == "__main__":
    main()
