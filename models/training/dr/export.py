r"""From trained weights to the pack's network: ONNX, then INT8 by calibration on training films.

    python -m models.training.dr.export --data FRACATLAS --weights FILE.pt --side 512 \
        --learnt 352 --work FOLDER

NNCF with its bias correction: without it the film score of INT8 followed that of float32 at a
correlation of 0.80 only, with it at 0.98. Weights use half their range: sums of full 8-bit
products overflow on processors with AVX2 but without VNNI, and the two would disagree. The last
layers stay in floating point: 256 steps are too coarse for the answer, and their cost is nothing.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import nncf
import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from appliance.inference.steps.film_input import letterbox
from models.training.dr import augmentation, films
from models.training.dr.network import FEATURES, FilmNetwork, PackNetwork

_LAST = ("heat/heat.1/Conv", "reach/reach.1/Conv", "Sigmoid", "Concat", "known/Gemm", "Expand")
"""Ends of the names of nodes that stay as they are."""
_FIRST = ("/backbone/_conv_stem/", "/backbone/_blocks.0/")
"""Parts of the names of convolutions that stay too: coarse steps there are told on by all that
follows, and in INT8 they are no faster."""
_CALIBRATION = 96
_SEED = 11


def to_onnx(weights: Path, known: Path, side: int, learnt: int, target: Path) -> None:
    """The network in float32, batch normalization folded into the convolutions.

    learnt: side of the squares, or of their parts, that it was trained on. It has learnt reaches
    as shares of that; the box takes them as shares of the side of what it reads.
    """
    network = FilmNetwork()
    network.load_state_dict(torch.load(weights))
    with torch.no_grad():
        network.reach[-1].bias += math.log(learnt / side)
    head = torch.nn.Linear(FEATURES, 1)
    head.load_state_dict(torch.load(known))
    torch.onnx.export(
        PackNetwork(network, head).eval(),
        (torch.zeros(1, 1, side, side),),
        target,
        input_names=["film"],
        output_names=["answer"],
        opset_version=17,
        dynamo=False,
    )


def quantize(source: Path, target: Path, collection: films.Collection, side: int) -> None:
    """INT8 with QDQ nodes, one file."""
    squares = _calibration(collection, side)
    network = onnx.load(source)
    kept = [
        node.name
        for node in network.graph.node
        if node.name.endswith(_LAST)
        or (node.op_type == "Conv" and any(part in node.name for part in _FIRST))
    ]
    quantized = nncf.quantize(
        network,
        nncf.Dataset(squares, lambda square: {"film": square}),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(squares),
        ignored_scope=nncf.IgnoredScope(names=kept),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
    )
    onnx.checker.check_model(quantized, full_check=True)
    onnx.save(quantized, target)


def _calibration(collection: films.Collection, side: int) -> list[NDArray[np.float32]]:
    """Half of them fractured; every other one as it is, the rest varied as in training."""
    rng = np.random.default_rng(_SEED)
    groups = [
        [film for film in collection.train if film.fractured is truth] for truth in (True, False)
    ]
    chosen = [
        group[index]
        for group in groups
        for index in rng.permutation(len(group))[: _CALIBRATION // 2]
    ]
    squares = []
    for number, film in enumerate(chosen):
        square = letterbox(film.pixels(), side).square
        if number % 2:
            square, _ = augmentation.example(film.pixels(), np.zeros((0, 4)), side, rng)
        squares.append(square[None, None])
    return squares


def main() -> None:
    """Write `network.fp32.onnx` and `network.onnx` into the work folder."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--weights", type=Path, required=True)
    options.add_argument("--side", type=int, required=True)
    options.add_argument("--learnt", type=int, required=True, help="side that was trained on")
    options.add_argument("--work", type=Path, required=True)
    given = options.parse_args()
    whole = given.work / "network.fp32.onnx"
    to_onnx(given.weights, given.work / "known.pt", given.side, given.learnt, whole)
    quantize(whole, given.work / "network.onnx", films.load(given.data), given.side)


if __name__ == "__main__":
    main()
