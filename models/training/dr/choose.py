"""Choose on the fold what the pack says of scores: their calibration and the operating point.

    python -m models.training.dr.choose --data FRACATLAS --pack FOLDER

Prints what to write into `pack.yaml`. Calibration: Platt's, of the film's strongest heat, so that
a score is the chance that the film is fractured where as many films are as in the collection.
Thresholds: of n intact films, at most floor(share * (n + 1)) - 1 reach them, so that the next
intact film does so with at most that chance, whatever the scores look like.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appliance.evaluation import Scored, auc, average_precision, sensitivity, specificity
from models.training import platt
from models.training.dr import films
from models.training.dr.exams import scored
from models.training.dr.runtimes import PACK, parameters, with_openvino

FALSE_SHARES = {"report": 0.05, "alert": 0.02}
"""Of the intact films. A box that cries at every tenth is switched off: silence comes first."""


def threshold(told: Sequence[Scored], share: float) -> float:
    """Above the score that as few intact films reach as the share allows; in [0, 1]."""
    intact = sorted((film.score for film in told if not film.is_positive), reverse=True)
    rank = int(np.floor(share * (len(intact) + 1)))
    return float(np.nextafter(intact[rank - 1], np.inf)) if rank else 1.0


def main() -> None:
    """Print slope, offset and thresholds, and what they do on the fold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--pack", type=Path, default=PACK)
    given = options.parse_args()
    fold = films.load(given.data).fold
    network = with_openvino((given.pack / "network.onnx").read_bytes())
    plain = {**parameters(given.pack), "slope": 1.0, "offset": 0.0}
    films_read = scored(network, plain, fold)
    slope, offset = platt.fit(
        [film.score for film in films_read], [film.is_positive for film in films_read]
    )
    print(f"slope: {slope:.3f}\noffset: {offset:.3f}")
    told = scored(network, {**plain, "slope": slope, "offset": offset}, fold)
    print(f"fold: {len(told)} films, AUC {auc(told):.3f}, AP50 {average_precision(told):.3f}")
    for name, share in FALSE_SHARES.items():
        at = threshold(told, share)
        print(
            f"{name}: {at:.3f}: sensitivity {sensitivity(at, told):.3f}, "
            f"specificity {specificity(at, told):.3f}"
        )


if __name__ == "__main__":
    main()
