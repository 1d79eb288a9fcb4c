"""Measure a network on simulated fractures and on intact scans of patients kept apart.

    python -m models.training.ct.evaluate DATA NETWORK.onnx [--runtime onnxruntime] [--reads 6]

Each fractured reading holds several fractures, far from each other. The evaluation patient is only
measured, never used to choose anything.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.domain import Detection, FractureType, VolumeRegion
from appliance.imaging import Volume
from appliance.inference.steps import Network
from models.training.ct.pack import description, detections, load
from models.training.data.ct_scans import EVALUATION, TRAINING, Scan, scans
from models.training.simulation.ct import Fracture, break_rib
from models.training.simulation.rib_sites import RibSite, sites_on_ribs

FRACTURES = 12
APART_MM = 45.0
HIT_MM = 15.0
KINDS = (
    FractureType.DISPLACED,
    FractureType.NON_DISPLACED,
    FractureType.BUCKLE,
    FractureType.SEGMENTAL,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One simulated fracture and the highest score within reach of it (0 where there is none)."""

    kind: FractureType
    displacement_mm: float
    gap_mm: float
    score: float


def fractured(scan: Scan, seed: int) -> tuple[Volume, list[Fracture]]:
    """The scan with up to `FRACTURES` fractures, the kinds in turn."""
    rng = np.random.default_rng((5, seed))
    volume, made = scan.volume, []
    for site in _sites_apart(scan, rng):
        kind = KINDS[len(made) % len(KINDS)]
        volume, fracture = break_rib(volume, scan.bone, site, kind, seed=int(rng.integers(2**31)))
        made.append(fracture)
        if len(made) == FRACTURES:
            break
    return volume, made


def answers(found: tuple[Detection, ...], made: list[Fracture]) -> Iterator[Answer]:
    """Match detections with what was made."""
    for fracture in made:
        near = [
            each.score
            for each in found
            if isinstance(each.region, VolumeRegion)
            and min(
                float(np.linalg.norm(np.subtract(each.region.centre_lps_mm, centre)))
                for centre in fracture.centres_lps_mm
            )
            <= HIT_MM
        ]
        yield Answer(fracture.type, fracture.displacement_mm, fracture.gap_mm, max(near, default=0))


def measure(scan: Scan, network: Network, reads: int) -> dict[str, object]:
    """Figures of one scan: scores on it intact, and of each kind of fracture."""
    intact = sorted(round(each.score, 3) for each in detections(scan.volume, network))[::-1]
    given: list[Answer] = []
    for seed in range(reads):
        volume, made = fractured(scan, seed)
        given += answers(detections(volume, network), made)
    points: dict[str, object] = {}
    for name, threshold in _thresholds().items():
        points[name] = {
            "threshold": threshold,
            "false_positives": sum(score >= threshold for score in intact),
            **{
                str(kind): [
                    sum(each.score >= threshold for each in given if each.kind is kind),
                    sum(each.kind is kind for each in given),
                ]
                for kind in KINDS
            },
        }
    return {"patient": scan.patient, "intact_scores": intact[:12], "points": points}


def _thresholds() -> dict[str, float]:
    point = description()["operating_point"]
    if not isinstance(point, dict):
        raise TypeError("pack.yaml has no operating point")
    return {name: float(value) for name, value in point.items()}


def _sites_apart(scan: Scan, rng: np.random.Generator) -> Iterator[RibSite]:
    axis = scan.volume.to_lps(np.argwhere(scan.bone)[::50].astype(np.float64)).mean(axis=0)
    candidates = [
        site
        for rib in scan.ribs
        for site in sites_on_ribs(
            scan.volume,
            rib.mask,
            axis_x_mm=float(axis[0]),
            axis_y_mm=float(axis[1]),
            count=max(4, 60 // len(scan.ribs)),
            rng=rng,
            side=rib.side,
            rib_number=rib.number,
        )
    ]
    chosen: list[RibSite] = []
    for number in rng.permutation(len(candidates)):
        site = candidates[number]
        apart = (
            np.linalg.norm(np.subtract(site.centre_lps_mm, each.centre_lps_mm)) for each in chosen
        )
        if all(distance >= APART_MM for distance in apart):
            chosen.append(site)
            yield site


def main() -> None:
    """Read the arguments and print one JSON object for each scan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("--runtime", default="openvino", choices=("openvino", "onnxruntime"))
    parser.add_argument("--reads", type=int, default=6)
    parser.add_argument("--training-patients", action="store_true", help="those instead")
    given = parser.parse_args()
    network = load(given.network, given.runtime)
    for scan in scans(given.data, TRAINING if given.training_patients else EVALUATION):
        print(json.dumps(measure(scan, network, given.reads)), flush=True)


if __name__ == "__main__":
    main()
