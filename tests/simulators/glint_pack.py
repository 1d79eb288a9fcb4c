"""A chest CT pack for tests of the whole box: the real reader, and a network without training.

It marks glints: voxels far denser than bone. A test with it says nothing about detection; it is
there for machines on which a real network takes minutes.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from appliance.imaging import Volume
from appliance.inference.detections import to_json
from appliance.inference.device import Device
from appliance.inference.runtimes.onnxruntime import OnnxRuntime
from appliance.inference.steps.ct_bone_patches import read
from models.training.sign import sign
from tests.simulators import packs
from tests.simulators.thorax import MIDLINE_X_MM, thorax

NAME = "glint-fracture"
GLINT_HU = 2500
GLINT_LPS_MM = (MIDLINE_X_MM + 115.0, -5.0, 81.0)
"""On a left rib of `thorax`."""
_CUBE, _CELL, _BATCH = 48, 4, 4
_PARAMETERS: dict[str, Any] = {
    "label": "rib-fracture",
    "batch": _BATCH,
    "cube": _CUBE,
    "spacing_mm": 1.0,
    "margin": 4,
    "cell": _CELL,
    "floor": 0.3,
    "apart_mm": 16.0,
    "extent_mm": 25.0,
}


def chest(*, has_glint: bool = True) -> Volume:
    """A chest made of shapes, one of its ribs with a glint or none."""
    volume = thorax().volume
    if not has_glint:
        return volume
    voxels = volume.voxels.copy()
    z, y, x = np.rint(volume.to_index(np.array(GLINT_LPS_MM))).astype(int)
    voxels[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = GLINT_HU
    return replace(volume, voxels=voxels)


def write(folder: Path) -> Path:
    """Write and sign the pack below `folder`; returns `folder`, for the site YAML."""
    home = folder / NAME
    packs.write_pack(
        home,
        network(),
        name=NAME,
        summary="Marks glints.",
        image="volume",
        inputs={
            "modalities": ["CT"],
            "body_parts": ["CHEST"],
            "age_years": {"at_least": 18},
            "slice_thickness_mm": {"at_least": 0.4, "at_most": 5.5},
            "smallest_extent_mm": 60,
        },
        network={"file": "network.onnx", "input": [_BATCH, 1, _CUBE, _CUBE, _CUBE]},
        reader={"name": "ct-bone-patches", "parameters": _PARAMETERS},
        bones=["rib"],
        findings=[{"label": "rib-fracture", "bone": "rib", "type": "unspecified"}],
        operating_point={"report": 0.4, "alert": 0.6},
        tolerance={"score": 0.1, "position": 6.0},
        golden=[
            {"image": f"golden/{name}.npz", "expected": f"golden/{name}.json"}
            for name in ("glint", "dark")
        ],
    )
    for place in (home / "golden").iterdir():
        place.unlink()
    runtime = OnnxRuntime(network(), Device.CPU)
    for name, has_glint in (("glint", True), ("dark", False)):
        volume = chest(has_glint=has_glint)
        packed = io.BytesIO()
        np.savez_compressed(
            packed, voxels=volume.voxels, origin_lps_mm=volume.origin_lps_mm, axes=volume.axes
        )
        found = read(volume, runtime, _PARAMETERS)
        assert len(found) == has_glint
        (home / "golden" / f"{name}.npz").write_bytes(packed.getvalue())
        (home / "golden" / f"{name}.json").write_text(json.dumps({"detections": to_json(found)}))
    sign(home)
    return folder


def network() -> bytes:
    """0.9 for each cell in which a voxel reaches the window's upper end; else at most 0.2."""
    constants: dict[str, NDArray[np.float32]] = {
        "end": np.float32(0.99).reshape(()),
        "high": np.float32(0.9).reshape(()),
        "low": np.float32(0.1).reshape(()),
    }
    cells_of: dict[str, Any] = {"kernel_shape": [_CELL] * 3, "strides": [_CELL] * 3}
    nodes = [
        helper.make_node("MaxPool", ["cubes"], ["highest"], **cells_of),
        helper.make_node("AveragePool", ["cubes"], ["mean"], **cells_of),
        helper.make_node("Greater", ["highest", "end"], ["is_glint"]),
        helper.make_node("Cast", ["is_glint"], ["glint"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["glint", "high"], ["scaled"]),
        helper.make_node("Mul", ["mean", "low"], ["texture"]),
        helper.make_node("Add", ["texture", "low"], ["dim"]),
        helper.make_node("Max", ["scaled", "dim"], ["heat"]),
    ]
    cells = _CUBE // _CELL
    given = [_BATCH, 1, _CUBE, _CUBE, _CUBE]
    answer = [_BATCH, 1, cells, cells, cells]
    graph = helper.make_graph(
        nodes,
        "glints",
        [helper.make_tensor_value_info("cubes", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("heat", TensorProto.FLOAT, answer)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
