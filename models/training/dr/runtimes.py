"""Networks as plain callables on either runtime; the reader's parameters as the pack has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import yaml
from numpy.typing import NDArray

from appliance.inference.steps import Network, Parameters

PACK = Path(__file__).parents[2] / "dr-fracture"


def parameters(pack: Path = PACK) -> Parameters:
    """`reader.parameters` of that pack: what is evaluated is what is shipped."""
    told: Parameters = yaml.safe_load((pack / "pack.yaml").read_text())["reader"]["parameters"]
    return told


def with_onnxruntime(network: bytes, threads: int = 2) -> Network:
    """That network on ONNX Runtime's processor provider."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def with_openvino(network: bytes, threads: int = 2) -> Network:
    """That network on OpenVINO, precision pinned."""
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(network),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads},
    )

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled(batch)[0])

    return run


RUNTIMES = {"openvino": with_openvino, "onnxruntime": with_onnxruntime}
