"""ONNX Runtime: CPU, and CUDA where its GPU build is installed."""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state

from appliance.inference.device import Device
from appliance.inference.runtime import Runtime
from appliance.inference.runtimes import register

_PROVIDERS: Final = {Device.CPU: "CPUExecutionProvider", Device.CUDA: "CUDAExecutionProvider"}
_FATAL_ONLY: Final = 4
_ERRORS: Final = tuple(
    kind
    for kind in vars(onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)
"""The library's errors have no common ancestor."""


class OnnxRuntime(Runtime):
    """A session on exactly one provider."""

    errors = (RuntimeError, ValueError, *_ERRORS)

    @classmethod
    def devices(cls) -> frozenset[Device]:
        """See `Runtime`."""
        present = onnxruntime.get_available_providers()
        return frozenset(device for device, name in _PROVIDERS.items() if name in present)

    def _load(self, network: bytes, device: Device) -> tuple[list[object], list[object]]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = _FATAL_ONLY
        session = onnxruntime.InferenceSession(network, options, providers=[_PROVIDERS[device]])
        session.disable_fallback()
        if session.get_providers()[0] != _PROVIDERS[device]:
            raise RuntimeError("the session took another provider")  # it does so without a word
        (entry,), (answer,) = session.get_inputs(), session.get_outputs()
        self._session = session
        self._input = entry.name
        return entry.shape, answer.shape

    def _infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Runtime`."""
        return np.asarray(self._session.run(None, {self._input: batch})[0])


register("onnxruntime", OnnxRuntime)
