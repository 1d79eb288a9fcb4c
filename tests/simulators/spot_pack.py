"""A film pack for tests of the whole box: the real reader with a network that needs no training.

It lights up where a film is brighter than its surroundings: one spot is one "fracture". A flow
test with it says nothing about detection, and keeps its meaning when the real packs change.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pydicom.dataset import Dataset

from appliance.imaging import Film
from appliance.inference.detections import to_json
from appliance.inference.device import Device
from appliance.inference.runtimes.onnxruntime import OnnxRuntime
from appliance.inference.steps.film_centre_heatmap import read
from models.training.sign import sign
from tests.simulators import objects, packs

NAME = "spot-fracture"
SIDE, STRIDE = 64, 8
FILM_SIDE = 256
SPOT_RADIUS = 18
PARAMETERS: dict[str, Any] = {
    "side": SIDE,
    "label": "spot",
    "bone": "leg",
    "least_score": 0.35,
    "most": 5,
    "overlap": 0.3,
}


def pixels(*spots: tuple[int, int]) -> NDArray[np.uint16]:
    """A film of gentle texture with a bright spot at each (column, row); 12 bits."""
    rows, columns = np.mgrid[:FILM_SIDE, :FILM_SIDE]
    grey = 1200 + 300 * np.sin(rows / 40) * np.cos(columns / 40)
    grey += 60 * np.random.default_rng(1).standard_normal(grey.shape)
    for column, row in spots:
        grey[np.hypot(columns - column, rows - row) < SPOT_RADIUS] = 3600
    return np.clip(grey, 0, 4095).astype(np.uint16)


def film(*spots: tuple[int, int], **attributes: Any) -> Dataset:
    """A radiograph of a leg with these spots."""
    named = {"BodyPartExamined": "LEG", **attributes}
    return objects.film(pixels=pixels(*spots), **named)


@dataclass(frozen=True)
class Twist:
    """What is wrong with a network: nodes from `plain`, `image` and others to `heat`."""

    nodes: tuple[onnx.NodeProto, ...]
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)


SOUND = Twist((helper.make_node("Identity", ["plain"], ["heat"]),))


def write(folder: Path, version: str = "0.1.0.1", twist: Twist = SOUND, name: str = NAME) -> Path:
    """Write and sign the pack below `folder`; returns `folder`, for the site YAML."""
    home = folder / name
    packs.write_pack(
        home,
        network(twist),
        name=name,
        version=version,
        summary="Marks bright spots.",
        inputs={
            "modalities": ["DX", "CR"],
            "body_parts": ["LEG", "ANKLE"],
            "age_years": {"at_least": 18},
            "smallest_side_px": 64,
        },
        reader={"name": "film-centre-heatmap", "parameters": PARAMETERS},
        bones=["leg"],
        findings=[{"label": "spot", "bone": "leg", "type": "unspecified"}],
        operating_point={"report": 0.4, "alert": 0.6},
        measured_scores={"at_least": 0.35, "at_most": 0.5},
        tolerance={"score": 0.1, "position": 20.0},
    )
    runtime = OnnxRuntime(network(twist), Device.CPU)
    for case, spots in (("spot", ((120, 90),)), ("dark", ())):
        image = (pixels(*spots) >> 4).astype(np.uint8)
        packed = io.BytesIO()
        np.savez_compressed(packed, pixels=image)
        found = read(Film(image.astype(np.float32) / 255, None), runtime, PARAMETERS)
        assert len(found) == len(spots)
        (home / "golden" / f"{case}.npz").write_bytes(packed.getvalue())
        (home / "golden" / f"{case}.json").write_text(json.dumps({"detections": to_json(found)}))
    sign(home)
    return folder


def network(twist: Twist = SOUND) -> bytes:
    """Mean of 5 x 5 pixels minus the mean of the 17 x 17 round them, on every eighth pixel."""
    wide, narrow = 17, 5
    kernel = np.full((wide, wide), -1 / wide**2, np.float32)
    inner = slice((wide - narrow) // 2, (wide + narrow) // 2)
    kernel[inner, inner] += 1 / narrow**2
    constants: dict[str, NDArray[Any]] = {
        "kernel": (2.0 * kernel)[None, None],
        "zero": np.float32(0).reshape(()),
        "one": np.float32(1).reshape(()),
        "reach": np.full((1, 4, SIDE // STRIDE, SIDE // STRIDE), np.log(0.08), np.float32),
        "rim": np.array([0, 0, 8, 8, 0, 0, 8, 8], np.int64),
        **twist.constants,
    }
    nodes = [
        helper.make_node("Pad", ["image", "rim"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "kernel"], ["contrast"], strides=[STRIDE, STRIDE]),
        helper.make_node("Clip", ["contrast", "zero", "one"], ["plain"]),
        *twist.nodes,
        helper.make_node("Concat", ["heat", "reach"], ["answer"], axis=1),
    ]
    side = SIDE // STRIDE
    graph = helper.make_graph(
        nodes,
        "spots",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 5, side, side])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
