"""How far runtimes and precisions part on the fold: the films' scores, compared two by two.

    python -m models.training.dr.agreement --data FRACATLAS --networks FP32.onnx INT8.onnx

Run it a second time with `ONEDNN_MAX_CPU_ISA=AVX2` in the environment for older processors.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np

from models.training.dr import figures, films
from models.training.dr.evaluate import answers, with_onnxruntime, with_openvino


def main() -> None:
    """One line for each pair, and the area under the curve of each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--networks", type=Path, nargs="+", required=True)
    given = options.parse_args()
    fold = films.load(given.data).fold
    scores = {}
    for path in given.networks:
        for start in (with_onnxruntime, with_openvino):
            said = answers(start(path.read_bytes()), fold)
            name = f"{path.name} {start.__name__}"
            scores[name] = np.array([answer.score for answer in said])
            print(f"{name}: area under the curve {figures.area_under_curve(said):.3f}")
    for one, other in combinations(scores, 2):
        difference = np.abs(scores[one] - scores[other])
        together = np.corrcoef(scores[one], scores[other])[0, 1]
        print(
            f"{one} / {other}: mean {difference.mean():.3f}, "
            f"largest {difference.max():.3f}, correlation {together:.3f}"
        )


if __name__ == "__main__":
    main()
