"""Run a network through the box's reader on labelled films and on intact ones from elsewhere.

    python -m models.training.dr.evaluate --data FRACATLAS --network FILE.onnx --part fold
    python -m models.training.dr.evaluate ... --part val --alert 0.5 --report 0.3

`fold` chooses the thresholds; `val` only reports them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import yaml
from numpy.typing import NDArray

from appliance.domain import FilmRegion
from appliance.imaging import Film
from appliance.inference.steps import Network
from appliance.inference.steps.film_centre_heatmap import read
from models.training.dr import figures, films

PACK = Path(__file__).parents[2] / "dr-fracture" / "pack.yaml"
PARAMETERS = yaml.safe_load(PACK.read_text())["reader"]["parameters"]
"""As the pack has them: what is evaluated is what is shipped."""
_SPECIFICITIES = {"report": 0.95, "alert": 0.98}
"""On the fold. A box that cries at every tenth intact film is switched off: silence comes first."""


def with_onnxruntime(network: bytes, threads: int = 2) -> Network:
    """That network as a plain callable."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def with_openvino(network: bytes, threads: int = 2) -> Network:
    """That network as a plain callable, precision pinned."""
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(network),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads},
    )

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled(batch)[0])

    return run


def answers(network: Network, chosen: Sequence[films.LabelledFilm]) -> list[figures.Answer]:
    """Read every film."""
    return [_answer(network, film) for film in chosen]


def _answer(network: Network, film: films.LabelledFilm) -> figures.Answer:
    pixels = film.pixels()
    rows, columns = pixels.shape
    truth = tuple(
        FilmRegion(x0 * columns, y0 * rows, x1 * columns, y1 * rows)
        for x0, y0, x1, y1 in film.boxes
    )
    said = read(Film(pixels, None), network, PARAMETERS)
    return figures.Answer(film.part, film.fractured, truth, said)


def report(given: Sequence[figures.Answer], thresholds: dict[str, float]) -> dict[str, object]:
    """All figures, each as [value, low, high], and by body part."""
    whole: dict[str, object] = {
        "films": len(given),
        "fractured": sum(a.fractured for a in given),
        "auc": figures.with_interval(figures.area_under_curve, given),
        "map50": figures.with_interval(figures.mean_average_precision, given),
        "thresholds": thresholds,
    }
    for name, threshold in thresholds.items():
        for figure in (figures.sensitivity, figures.specificity):
            whole[f"{figure.__name__} at {name}"] = figures.with_interval(
                partial(figure, threshold=threshold), given
            )
    for part in films.BODY_PARTS:
        there = [a for a in given if a.part == part]
        whole[part] = {
            "films": len(there),
            "fractured": sum(a.fractured for a in there),
            "auc": figures.area_under_curve(there),
            "sensitivity at alert": figures.sensitivity(there, thresholds["alert"]),
            "specificity at alert": figures.specificity(there, thresholds["alert"]),
        }
    return whole


def main() -> None:
    """Print the figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--network", type=Path, required=True)
    options.add_argument("--part", choices=("fold", "val"), required=True)
    options.add_argument("--runtime", choices=("openvino", "onnxruntime"), default="openvino")
    options.add_argument("--report", type=float)
    options.add_argument("--alert", type=float)
    given = options.parse_args()
    start = with_openvino if given.runtime == "openvino" else with_onnxruntime
    chosen = getattr(films.load(given.data), given.part)
    said = answers(start(given.network.read_bytes()), chosen)
    thresholds = {
        name: getattr(given, name) or figures.threshold_for(said, share)
        for name, share in _SPECIFICITIES.items()
    }
    print(json.dumps(report(said, thresholds), indent=1))


if __name__ == "__main__":
    main()
