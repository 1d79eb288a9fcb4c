"""Choose what `pack.yaml` says of scores: their calibration, and by it the operating point.

    python -m models.training.ct.choose DATA NETWORK.onnx

Reads the patients of a fold from whom no network has learnt, fractured and intact, as scanned and
in thick slices, and prints what to write. One or two patients do not stand for all: each false
mark counts as if the network had said `MARGIN` more. Calibration: Platt's, over all marks, so that
a score is the chance that a mark is a fracture where as many are as in these readings. Their false
marks cannot place the operating point (`tried.md`): `SAID` was read off how many fractures are
found at which score, which is printed too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from appliance.evaluation import Scored, confusion, froc
from appliance.inference.steps.platt import calibrated
from models.training import platt
from models.training.ct.evaluate import scored
from models.training.ct.pack import FOLDER, load, parameters
from models.training.data.ct_scans import FOLDS

MARGIN = 0.1
"""Settled for version 0.3.0.1; see its card."""
SAID = {"report": 0.58, "alert": 0.70}
"""By the network, from where a mark is reported, and alerts. From 0.55 to 0.70 hardly a fracture of
the patient to choose on is lost, above 0.70 more and more: alerts stand at the upper end."""
STEPS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


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
    parser.add_argument("--reads", type=int, default=4)
    given = parser.parse_args()
    plain = {**parameters(given.pack), "slope": 1.0, "offset": 0.0}
    exams: list[Scored] = []
    for _, exam in scored(
        given.data, FOLDS[given.fold].tuning, load(given.network), plain, given.reads
    ):
        exams.append(exam)
        print(f"{exam.patient}, {exam.name}: {len(exam.marks)} marks", flush=True)
    slope, offset = fitted(exams, MARGIN)
    print(f"slope: {slope:.3f}\noffset: {offset:.3f}")
    found = [max(each.score, 0.0) for exam in exams for each in exam.lesions]
    for step in STEPS:
        share = sum(value >= step for value in found) / len(found)
        print(f"said {step:.2f} or more: {share:.3f} of {len(found)} fractures")
    for name, value in SAID.items():
        print(f"{name}: {float(calibrated(value, slope, offset)):.3f}")
    print(json.dumps({"FROC": {"mean": froc(exams).mean, **froc(exams).sensitivities}}))
    told = {
        f"{true} told as {said}": n for (true, said), n in confusion("type", 0.0, exams).items()
    }
    print(json.dumps({"types": told}))


if __name__ == "__main__":
    main()
