"""Choose what `pack.yaml` says of scores: their calibration, and by it the operating point.

    python -m models.training.ct.choose DATA NETWORK.onnx

Reads the ribs of training patients that are kept apart for choosing, fractured and intact, as
scanned and in thick slices, and prints what to write. These scans gave hard negatives, so that a
network marks them less than others: each false mark counts as if the network had said `MARGIN`
more. Calibration: Platt's, over all marks, so that a score is the chance that a mark is a fracture
where as many are as in these readings. Operating point: what the network says there stays what it
was (`SAID`), for these scans can no longer tell how often it marks others (`tried.md`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from appliance.evaluation import Exam, Scored, confusion, froc, score
from appliance.inference.steps.ct_bone_patches import read
from appliance.inference.steps.platt import calibrated
from models.training import platt
from models.training.ct.evaluate import HIT, lesion, readings
from models.training.ct.pack import FOLDER, load, parameters
from models.training.data.ct_scans import FOLDS, for_tuning, scans

MARGIN = 0.1
"""Settled for version 0.3.0.1; see its card."""
SAID = {"report": 0.63, "alert": 0.76}
"""By the network, from where a mark is reported, and alerts; measured with version 0.5.0.1."""


def fitted(exams: Sequence[Scored], margin: float) -> tuple[float, float]:
    """Slope and offset over the marks of all readings; false ones raised by the margin."""
    marks = [(mark.mark.score, bool(mark.hits)) for exam in exams for mark in exam.marks]
    return platt.fit(
        [min(value + (0 if is_hit else margin), 1.0) for value, is_hit in marks],
        [is_hit for _, is_hit in marks],
    )


def main() -> None:
    """Read the arguments and the scans, and print calibration and operating point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("--pack", type=Path, default=FOLDER, help="whose pack.yaml is used")
    parser.add_argument("--fold", choices=sorted(FOLDS), default="a")
    parser.add_argument("--reads", type=int, default=1)
    given = parser.parse_args()
    network = load(given.network)
    plain = {**parameters(given.pack), "slope": 1.0, "offset": 0.0}
    exams: list[Scored] = []
    for scan in scans(given.data, FOLDS[given.fold].training):
        chosen = for_tuning(scan)
        for name, volume, made in readings(chosen, given.reads if chosen.ribs else 0):
            lesions = tuple(lesion(each, volume) for each in made)
            exam = Exam(scan.patient, name, lesions, read(volume, network, plain))
            exams.append(score(exam, HIT))
            print(f"{scan.patient}, {name}: {len(exams[-1].marks)} marks", flush=True)
    slope, offset = fitted(exams, MARGIN)
    print(f"slope: {slope:.3f}\noffset: {offset:.3f}")
    for name, value in SAID.items():
        print(f"{name}: {float(calibrated(value, slope, offset)):.3f}")
    print(json.dumps({"FROC": {"mean": froc(exams).mean, **froc(exams).sensitivities}}))
    told = {
        f"{true} told as {said}": n for (true, said), n in confusion("type", 0.0, exams).items()
    }
    print(json.dumps({"types": told}))


if __name__ == "__main__":
    main()
