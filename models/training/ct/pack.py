"""A pack's own parameters and runtimes: what is measured is what is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from appliance.domain import Detection
from appliance.imaging import Volume
from appliance.inference.device import Device
from appliance.inference.runtimes.onnxruntime import OnnxRuntime
from appliance.inference.runtimes.openvino import OpenVinoRuntime
from appliance.inference.steps import Network
from appliance.inference.steps.ct_bone_patches import read

FOLDER = Path(__file__).parents[2] / "ct-thorax-fracture"
RUNTIMES = {"openvino": OpenVinoRuntime, "onnxruntime": OnnxRuntime}


def description(folder: Path = FOLDER) -> dict[str, object]:
    """The content of a pack's `pack.yaml`."""
    content: dict[str, object] = yaml.safe_load((folder / "pack.yaml").read_text("utf-8"))
    return content


def operating_point(folder: Path = FOLDER) -> tuple[float, float]:
    """The scores from which a pack reports, and from which it alerts."""
    point = description(folder)["operating_point"]
    if not isinstance(point, Mapping):
        raise TypeError("pack.yaml has no operating point")
    return float(point["report"]), float(point["alert"])


def parameters(folder: Path = FOLDER) -> Mapping[str, object]:
    """What a pack tells its reader."""
    reader = description(folder)["reader"]
    if not isinstance(reader, Mapping):
        raise TypeError("pack.yaml has no reader")
    told: Mapping[str, object] = reader["parameters"]
    return told


def load(network: Path, runtime: str = "openvino") -> Network:
    """A network file on the CPU, through the box's own adapter."""
    return RUNTIMES[runtime](network.read_bytes(), Device.CPU)


def detections(volume: Volume, network: Network, folder: Path = FOLDER) -> tuple[Detection, ...]:
    """Read a volume as the box would with the pack in `folder`."""
    return read(volume, network, parameters(folder))
