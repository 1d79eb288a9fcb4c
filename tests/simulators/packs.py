"""Small real packs for tests: an ONNX network made here, signed like any other pack."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from models.training.sign import sign
from tests.simulators import bright_squares

SIDE = 64
GOLDEN_SPOT = (20, 40)


def network(*last: onnx.NodeProto, output: tuple[int, ...] = (1, 1, SIDE, SIDE)) -> bytes:
    """A 3x3 mean, then the given nodes from `blurred` to `answer` (none: just the mean)."""
    kernel = np.full((1, 1, 3, 3), 1 / 9, np.float32)
    nodes = [helper.make_node("Conv", ["image", "kernel"], ["blurred"], pads=[1, 1, 1, 1]), *last]
    if not last:
        nodes.append(helper.make_node("Identity", ["blurred"], ["answer"]))
    constants: dict[str, np.ndarray[Any, Any]] = {
        "kernel": kernel,
        "nothing": np.zeros(1, np.float32),
        "many": np.array([1, 24_000, SIDE, SIDE], np.int64),
        "one_channel": np.array([1], np.int64),
    }
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, list(output))],
        [numpy_helper.from_array(constants[name], name) for name in constants if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def good() -> bytes:
    """The answer is the blurred film."""
    return network()


def root() -> bytes:
    """Square root: NaN wherever a film is negative."""
    return network(helper.make_node("Sqrt", ["blurred"], ["answer"]))


def constant() -> bytes:
    """Answers zero to everything."""
    return network(helper.make_node("Mul", ["blurred", "nothing"], ["answer"]))


def hungry() -> bytes:
    """Needs some 800 MB for what it computes on the way."""
    return network(
        helper.make_node("Expand", ["blurred", "many"], ["wide"]),
        helper.make_node("CumSum", ["wide", "one_channel"], ["summed"]),
        helper.make_node("ReduceMax", ["summed"], ["answer"], axes=[1], keepdims=1),
    )


def flat() -> bytes:
    """A network with another input shape than the pack says."""
    return _identity([1, 1, SIDE, 32])


def open_shape() -> bytes:
    """A network whose batch axis is open."""
    return _identity(["batch", 1, SIDE, SIDE])


def _identity(shape: list[Any]) -> bytes:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["answer"])],
        "same",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def description(**changes: Any) -> dict[str, Any]:
    """What the pack's `pack.yaml` says."""
    return {
        "format": 1,
        "name": "test-spots",
        "version": "0.1.0.1",
        "rollback_index": 1,
        "summary": "Marks bright squares.",
        "intended_use": "Tests.",
        "limits": ["Sees squares only."],
        "contraindications": ["Any patient."],
        "image": "film",
        "inputs": {
            "modalities": ["DX"],
            "body_parts": ["ANKLE"],
            "age_years": {"at_least": 18},
            "smallest_side_px": 64,
        },
        "network": {"file": "network.onnx", "input": [1, 1, SIDE, SIDE]},
        "reader": {"name": bright_squares.NAME, "parameters": {"floor": 0.5}},
        "bones": ["ankle"],
        "findings": [{"label": "spot", "bone": "ankle", "type": "unspecified"}],
        "operating_point": {"report": 0.6, "alert": 0.8},
        "tolerance": {"score": 0.05, "position": 3.0},
        "budget": {"memory_mib": 600, "latency_s": 5},
        "golden": [
            {"image": "golden/spot.npz", "expected": "golden/spot.json"},
            {"image": "golden/dark.npz", "expected": "golden/dark.json"},
        ],
    } | changes


def write_pack(folder: Path, onnx_file: bytes | None = None, **changes: Any) -> Path:
    """Write and sign a pack; returns its folder."""
    (folder / "golden").mkdir(parents=True)
    (folder / "network.onnx").write_bytes(good() if onnx_file is None else onnx_file)
    (folder / "pack.yaml").write_text(yaml.safe_dump(description(**changes)))
    (folder / "card.md").write_text("# A pack for tests\n")
    column, row = GOLDEN_SPOT
    region = {"left": column - 4, "top": row - 4, "right": column + 5, "bottom": row + 5}
    spot = {"label": "spot", "score": 0.9, "region": region}
    for name, spots, expected in (("spot", [GOLDEN_SPOT], [spot]), ("dark", [], [])):
        packed = io.BytesIO()
        pixels = np.round(bright_squares.film(*spots).pixels * 255).astype(np.uint8)
        np.savez_compressed(packed, pixels=pixels)
        (folder / "golden" / f"{name}.npz").write_bytes(packed.getvalue())
        (folder / "golden" / f"{name}.json").write_text(json.dumps({"detections": expected}))
    sign(folder)
    return folder
