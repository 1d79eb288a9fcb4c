"""From weights to the pack's network: `python -m models.training.ct.export WEIGHTS PATCHES WORK`.

Writes WORK/network.fp32.onnx and, calibrated on training patches, WORK/network.onnx in INT8 with
QDQ nodes. Weights get 7 bits: sums of 8-bit products overflow on processors with AVX2 but without
VNNI, and answers would differ between them.
"""

from __future__ import annotations

import argparse
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

from appliance.inference.steps.ct_answers import normalised
from models.training.ct.network import FractureNet, Scores
from models.training.ct.train import load_patches

BATCH, CUBE = 3, 56
CALIBRATION_BATCHES = 48
SEED = 3
FLOAT32 = ("/network/stem/", "/network/head/", "/network/types/")
"""Names of nodes that are not quantized begin so. The stem has but one channel to read: in INT8 it
takes twice as long without VNNI."""


class _Cubes(CalibrationDataReader):
    """Batches of training patches as they are, without augmentation."""

    def __init__(self, patches: NDArray[np.int16]) -> None:
        rng = np.random.default_rng(SEED)
        chosen = rng.permutation(len(patches))[: CALIBRATION_BATCHES * BATCH]
        rim = (patches.shape[1] - CUBE) // 2
        inner = slice(rim, rim + CUBE)
        cubes = normalised(patches[chosen, inner, inner, inner].astype(np.float32))
        self._rest = iter(cubes.reshape(-1, BATCH, 1, CUBE, CUBE, CUBE))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """As the library asks for it."""
        batch = next(self._rest, None)
        return None if batch is None else {"cubes": batch}


def to_onnx(weights: Path, target: Path) -> None:
    """The network in float32, static shapes, scores at its end."""
    network = FractureNet()
    network.load_state_dict(torch.load(weights, weights_only=True))
    torch.onnx.export(
        Scores(network).eval(),
        (torch.zeros(BATCH, 1, CUBE, CUBE, CUBE),),
        target,
        input_names=["cubes"],
        output_names=["scores"],
        opset_version=17,
        dynamo=False,
    )


def quantize(source: Path, target: Path, patches: NDArray[np.int16]) -> None:
    """INT8 with QDQ nodes, one file; stem, heads and what follows them stay in float32."""
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    names = [node.name for node in onnx.load(prepared).graph.node]
    quantize_static(
        prepared,
        target,
        _Cubes(patches),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Add", "Resize"],
        nodes_to_exclude=[name for name in names if name.startswith(FLOAT32)],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        # Not the moving average of extremes: it clips, and the scores of fractures sink.
        calibrate_method=CalibrationMethod.MinMax,
    )
    prepared.unlink()
    onnx.checker.check_model(onnx.load(target), full_check=True)


def main() -> None:
    """Read the arguments and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("patches", type=Path)
    parser.add_argument("work", type=Path)
    given = parser.parse_args()
    whole = given.work / "network.fp32.onnx"
    to_onnx(given.weights, whole)
    quantize(whole, given.work / "network.onnx", load_patches(given.patches)[0])


if __name__ == "__main__":
    main()
