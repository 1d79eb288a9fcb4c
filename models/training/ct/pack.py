"""The shipped pack's own parameters and runtimes: what is evaluated is what is shipped."""

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


def description() -> dict[str, object]:
    """The content of the pack's `pack.yaml`."""
    content: dict[str, object] = yaml.safe_load((FOLDER / "pack.yaml").read_text("utf-8"))
    return content


def load(network: Path, runtime: str = "openvino") -> Network:
    """A network file on the CPU, through the box's own adapter."""
    return RUNTIMES[runtime](network.read_bytes(), Device.CPU)


def detections(volume: Volume, network: Network) -> tuple[Detection, ...]:
    """Read a volume as the box would."""
    reader = description()["reader"]
    if not isinstance(reader, Mapping):
        raise TypeError("pack.yaml has no reader")
    return read(volume, network, reader["parameters"])
