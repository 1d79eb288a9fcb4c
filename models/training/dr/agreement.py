"""How far runtimes and precisions part on the fold: the films' scores, compared two by two.

    python -m models.training.dr.agreement --data FRACATLAS --networks FP32.onnx INT8.onnx

Run it a second time with `ONEDNN_MAX_CPU_ISA=AVX2` in the environment for older processors.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np

from appliance.evaluation import auc, average_precision
from models.training.dr import films
from models.training.dr.exams import scored
from models.training.dr.runtimes import PACK, RUNTIMES, parameters


def main() -> None:
    """One line for each pair, and the area under the curve of each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--pack", type=Path, default=PACK, help="whose reader's parameters")
    options.add_argument("--networks", type=Path, nargs="+", required=True)
    given = options.parse_args()
    fold = films.load(given.data).fold
    scores = {}
    for path in given.networks:
        for runtime, start in RUNTIMES.items():
            said = scored(start(path.read_bytes()), parameters(given.pack), fold)
            name = f"{path.name} {runtime}"
            scores[name] = np.array([film.score for film in said])
            print(f"{name}: AUC {auc(said):.3f}, AP50 {average_precision(said):.3f}")
    for one, other in combinations(scores, 2):
        difference = np.abs(scores[one] - scores[other])
        together = np.corrcoef(scores[one], scores[other])[0, 1]
        print(
            f"{one} / {other}: mean {difference.mean():.3f}, "
            f"largest {difference.max():.3f}, correlation {together:.3f}"
        )


if __name__ == "__main__":
    main()
