"""Where a network is to run: a pure choice over what this machine offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Device(StrEnum):
    """Kinds of hardware, each with the name that configuration uses."""

    CPU = "cpu"
    GPU = "gpu"
    """Intel's, integrated or not."""
    NPU = "npu"
    CUDA = "cuda"


AUTO: Final = "auto"
_FASTEST_FIRST: Final = (Device.CUDA, Device.GPU, Device.CPU)
"""What `auto` tries. Not the NPU, since few of them run 3D networks; it can be asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run. `fell_back`: it is not what was asked for."""

    library: str
    device: Device
    fell_back: bool


def choices(
    asked: str, available: Mapping[str, frozenset[Device]], preferred: str | None = None
) -> tuple[Choice, ...]:
    """Every way to run, best first; the CPU is always the last resort.

    asked: `auto` or a device's name.
    available: library → its devices, the better library first.
    preferred: a library that is to be used where it can.

    A later choice than the first is a fallback too, whatever its flag says; the caller knows.
    """
    wanted = _FASTEST_FIRST if asked == AUTO else (Device(asked), Device.CPU)
    libraries = sorted(available, key=lambda name: name != preferred)
    ways = [
        Choice(name, device, asked not in {AUTO, device.value})
        for device in dict.fromkeys(wanted)
        for name in libraries
        if device in available[name]
    ]
    return tuple(ways)
