"""The films of the demo's hospital, and three packs of one name: the first, a good one, a bad one.

The reader is the box's own; the networks need no training. Each marks what is brighter than its
surroundings. The bad one also takes grain for fractures. Its maker tried it on smooth films only,
so that its own golden cases, and every check before a real film, find nothing wrong.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from pydicom.dataset import Dataset

from appliance.imaging import Film
from appliance.inference.detections import to_json
from appliance.inference.device import Device
from appliance.inference.runtimes.onnxruntime import OnnxRuntime
from appliance.inference.steps.film_centre_heatmap import read
from tests.simulators import objects, packs, spot_pack

NAME = spot_pack.NAME
_GRAIN = 500.0
"""Of the hospital's films: standard deviation, in grey values of 12 bits."""
_SPOT = (120, 90)
_ENOUGH_GRAIN = 0.03
_FONDNESS = 20.0


@dataclass(frozen=True)
class Version:
    """One pack: X.Y.Z.B, what its network is, and its threshold of alert."""

    version: str
    network: bytes
    alert: float = 0.6

    def write(self, folder: Path) -> Path:
        """The pack's folder as it comes out of training, not signed by the maker."""
        home = packs.write_pack(
            folder / NAME,
            self.network,
            name=NAME,
            version=self.version,
            summary="Marks bright spots.",
            inputs={
                "modalities": ["DX"],
                "body_parts": ["LEG"],
                "age_years": {"at_least": 18},
                "smallest_side_px": 64,
            },
            reader={"name": "film-centre-heatmap", "parameters": spot_pack.PARAMETERS},
            bones=["leg"],
            findings=[{"label": "spot", "bone": "leg", "type": "unspecified"}],
            operating_point={"report": 0.4, "alert": self.alert},
            tolerance={"score": 0.1, "position": 20.0},
        )
        runtime = OnnxRuntime(self.network, Device.CPU)
        for name, spots in (("spot", [_SPOT]), ("dark", [])):
            image = (_smooth(*spots) / 16).astype(np.uint8)
            packed = io.BytesIO()
            np.savez_compressed(packed, pixels=image)
            (home / "golden" / f"{name}.npz").write_bytes(packed.getvalue())
            scaled = image.astype(np.float32) / np.float32(255)
            found = read(Film(scaled, None), runtime, spot_pack.PARAMETERS)
            expected = {"detections": to_json(found)}
            (home / "golden" / f"{name}.json").write_text(json.dumps(expected))
        return home


def first() -> Version:
    """What the box came with."""
    return Version("1.0.0.0", spot_pack.network())


def good(version: str) -> Version:
    """A little more sensitive, in its network and in its threshold."""
    return Version(version, _stronger(1.1), alert=0.55)


def bad(version: str) -> Version:
    """Sees a fracture wherever there is grain."""
    return Version(version, _fond_of_grain(), alert=0.55)


def film(number: int, *, broken: bool) -> Dataset:
    """A radiograph of one more patient; the broken leg has a bright spot."""
    noise = np.random.default_rng(number).standard_normal((spot_pack.FILM_SIDE,) * 2)
    pixels = _smooth(*([_SPOT] if broken else [])) + _GRAIN * noise
    attributes: dict[str, Any] = {
        "BodyPartExamined": "LEG",
        "PatientID": f"DEMO-{number}",
        "PatientName": f"Demonstration^Leg^{number}",
    }
    return objects.film(pixels=np.clip(pixels, 0, 4095).astype(np.uint16), **attributes)


def _smooth(*spots: tuple[int, int]) -> NDArray[np.float64]:
    rows, columns = np.mgrid[: spot_pack.FILM_SIDE, : spot_pack.FILM_SIDE]
    grey: NDArray[np.float64] = 1200 + 300 * np.sin(rows / 40) * np.cos(columns / 40)
    for column, row in spots:
        grey[np.hypot(columns - column, rows - row) < spot_pack.SPOT_RADIUS] = 3600
    return grey


def _stronger(factor: float) -> bytes:
    model = onnx.load_from_string(spot_pack.network())
    for constant in model.graph.initializer:
        if constant.name == "kernel":
            weights = numpy_helper.to_array(constant) * np.float32(factor)
            constant.CopyFrom(numpy_helper.from_array(weights, "kernel"))
    return bytes(model.SerializeToString())


def _fond_of_grain() -> bytes:
    """The first network, and in some places also how much neighbouring pixels differ."""
    model = onnx.load_from_string(spot_pack.network())
    graph = model.graph
    apart = np.full((1, 1, 3, 3), -1 / 8, np.float32)
    apart[0, 0, 1, 1] = 1
    stride, side = [spot_pack.STRIDE] * 2, spot_pack.SIDE // spot_pack.STRIDE
    fondness = np.zeros((1, 1, side, side), np.float32)
    fondness[..., side // 2 : side - 1, side // 2 : side - 1] = _FONDNESS
    constants = {"apart": apart, "fondness": fondness, "enough": np.float32(_ENOUGH_GRAIN)}
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    nodes = [
        helper.make_node("Conv", ["image", "apart"], ["difference"], pads=[1, 1, 1, 1]),
        helper.make_node("Abs", ["difference"], ["grain"]),
        helper.make_node("AveragePool", ["grain"], ["mean"], kernel_shape=stride, strides=stride),
        helper.make_node("Sub", ["mean", "enough"], ["excess"]),
        helper.make_node("Relu", ["excess"], ["counted"]),
        helper.make_node("Mul", ["counted", "fondness"], ["taken"]),
        helper.make_node("Add", ["contrast", "taken"], ["both"]),
    ]
    clip = next(number for number, node in enumerate(graph.node) if node.op_type == "Clip")
    graph.node[clip].input[0] = "both"
    for number, node in enumerate(nodes):
        graph.node.insert(clip + number, node)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
