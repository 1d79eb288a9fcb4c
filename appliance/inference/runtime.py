"""The port to inference libraries: an adapter loads and computes, the base class believes nothing.

Everything that decides whether an answer may be used (shape, element type, finite numbers), and
what a library's own errors mean, stands here, once, for all adapters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from appliance.errors import AnalysisError
from appliance.inference.device import Device

Shape = tuple[int, ...]


class Runtime(ABC):
    """One loaded network on one device; callable as readers want it: batch → answer."""

    errors: ClassVar[tuple[type[Exception], ...]]
    """What the library raises."""

    def __init__(self, network: bytes, device: Device) -> None:
        """Load a network from its verified bytes.

        Raises:
            AnalysisError: `network-load-failed`, `network-shape-open`.
            MemoryError: the library ran out of memory.
        """
        try:
            shapes = self._load(network, device)
        except self.errors as error:
            _raise_if_memory(error)
            raise AnalysisError("network-load-failed", type(error).__name__) from None
        self.input_shape, self.output_shape = map(_static, shapes)

    @classmethod
    @abstractmethod
    def devices(cls) -> frozenset[Device]:
        """What the library can use on this machine; asked anew each time."""

    @abstractmethod
    def _load(self, network: bytes, device: Device) -> tuple[Sequence[object], Sequence[object]]:
        """Load the network; returns (input shape, output shape) as the library tells them."""

    @abstractmethod
    def _infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network once; whatever it returns is checked by the caller."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one batch.

        batch: float32 of exactly `input_shape`, finite. Returns float32 of `output_shape`, finite.

        Raises:
            AnalysisError: `network-input-invalid`, `network-failed` or `network-answer-invalid`.
            MemoryError: the library ran out of memory.
        """
        if not _sound(batch, self.input_shape):
            raise AnalysisError("network-input-invalid", _describe(batch))
        try:
            answer = self._infer(np.ascontiguousarray(batch))
        except self.errors as error:
            _raise_if_memory(error)
            raise AnalysisError("network-failed", type(error).__name__) from None
        if not _sound(answer, self.output_shape):
            raise AnalysisError("network-answer-invalid", _describe(answer))
        return answer


def _raise_if_memory(error: Exception) -> None:
    """Both libraries hide std::bad_alloc in an error of their own."""
    if "alloc" in str(error):
        raise MemoryError from None


def _sound(array: NDArray[np.float32], shape: Shape) -> bool:
    return array.shape == shape and array.dtype == np.float32 and bool(np.isfinite(array).all())


def _describe(array: NDArray[np.float32]) -> str:
    """Figures only: element type, shape, how many values are not finite."""
    broken = int(np.count_nonzero(~np.isfinite(array)))
    return f"{array.dtype} {array.shape}, {broken} not finite"


def _static(shape: Sequence[object]) -> Shape:
    sides = tuple(side for side in shape if isinstance(side, int) and side > 0)
    if not sides or len(sides) != len(shape):
        raise AnalysisError("network-shape-open")
    return sides
