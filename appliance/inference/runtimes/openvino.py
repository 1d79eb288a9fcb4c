"""OpenVINO: CPU, Intel GPU, Intel NPU."""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from appliance.inference.device import Device
from appliance.inference.runtime import Runtime
from appliance.inference.runtimes import register

_NAMES: Final = {Device.CPU: "CPU", Device.GPU: "GPU", Device.NPU: "NPU"}


class OpenVinoRuntime(Runtime):
    """A network compiled by OpenVINO, with its precision pinned."""

    errors = (RuntimeError, ValueError)

    @classmethod
    def devices(cls) -> frozenset[Device]:
        """See `Runtime`."""
        present = {name.split(".")[0] for name in openvino.Core().available_devices}
        return frozenset(device for device, name in _NAMES.items() if name in present)

    def _load(self, network: bytes, device: Device) -> tuple[list[object], list[object]]:
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(network), _NAMES[device], _settings(device))
        (entry,), (answer,) = compiled.inputs, compiled.outputs
        self._request = compiled.create_infer_request()
        return _sides(entry.partial_shape), _sides(answer.partial_shape)

    def _infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Runtime`. The answer is copied: the library reuses its buffer."""
        return np.array(self._request.infer({0: batch})[0])


def _sides(shape: openvino.PartialShape) -> list[object]:
    return [side.get_length() if side.is_static else None for side in shape]


def _settings(device: Device) -> dict[str, Any]:
    # Left to itself it picks bf16 by hardware, and golden cases differ from machine to machine.
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if device is Device.CPU:
        # Pinning fails on a cpuset with holes (openvino issue 37051).
        settings["INFERENCE_NUM_THREADS"] = len(os.sched_getaffinity(0))
        settings["ENABLE_CPU_PINNING"] = False
    return settings


register("openvino", OpenVinoRuntime)
