"""From trained weights to the pack's network: ONNX, then INT8 by calibration on training films.

    python -m models.training.dr.export --data FRACATLAS --weights FILE.pt --work FOLDER

Weights are quantized to 7 bits, channel by channel: 8-bit sums of products overflow on processors
with AVX2 but without VNNI, and the two would disagree. The answer's own arithmetic (sigmoid,
joining) stays in floating point.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from appliance.inference.steps.film_input import letterbox
from models.training.dr import augmentation, films
from models.training.dr.network import SIDE, FilmNetwork

_CALIBRATION = 96
_SEED = 11


class _Films(CalibrationDataReader):  # type: ignore[misc] - the library is untyped
    """Half as they are, half varied as in training."""

    def __init__(self, chosen: Sequence[films.LabelledFilm]) -> None:
        rng = np.random.default_rng(_SEED)
        self.rest = iter(
            [_square(film.pixels(), rng, varied=bool(n % 2)) for n, film in enumerate(chosen)]
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """As the library asks for it."""
        square = next(self.rest, None)
        return None if square is None else {"film": square[None, None]}


def _square(
    pixels: NDArray[np.float32], rng: np.random.Generator, *, varied: bool
) -> NDArray[np.float32]:
    if not varied:
        return letterbox(pixels, SIDE).square
    return augmentation.example(pixels, np.zeros((0, 4)), SIDE, rng)[0]


def to_onnx(weights: Path, target: Path) -> None:
    """The network in float32, batch normalization folded into the convolutions."""
    network = FilmNetwork()
    network.load_state_dict(torch.load(weights))
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(1, 1, SIDE, SIDE),),
        target,
        input_names=["film"],
        output_names=["answer"],
        opset_version=17,
        dynamo=False,
    )


def quantize(source: Path, target: Path, collection: films.Collection) -> None:
    """INT8 with QDQ nodes, one file."""
    rng = np.random.default_rng(_SEED)
    fractured = [film for film in collection.train if film.fractured]
    intact = [film for film in collection.train if not film.fractured]
    chosen = [
        group[index]
        for group in (fractured, intact)
        for index in rng.permutation(len(group))[: _CALIBRATION // 2]
    ]
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        target,
        _Films(chosen),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Add"],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"CalibMovingAverage": True, "ActivationSymmetric": False},
    )
    prepared.unlink()
    onnx.checker.check_model(onnx.load(target), full_check=True)


def main() -> None:
    """Write `network.fp32.onnx` and `network.onnx` into the work folder."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--weights", type=Path, required=True)
    options.add_argument("--work", type=Path, required=True)
    given = options.parse_args()
    whole = given.work / "network.fp32.onnx"
    to_onnx(given.weights, whole)
    quantize(whole, given.work / "network.onnx", films.load(given.data))


if __name__ == "__main__":
    main()
