"""Named readers that a pack refers to: what comes before the network and what comes after it.

A reader turns an image into batches for the network, and the network's answers into detections.
Adding one is one module in this folder that ends in `register("its-name", read)`; `reader(name)`
finds it. Pure numpy and scipy: no torch, no file, no clock, no randomness.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from appliance.domain import Detection
from appliance.errors import PackError
from appliance.imaging import Image

Parameters = Mapping[str, object]
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One input batch → one output batch; the batch axis is first and of a fixed size."""

Reader = Callable[[Image, Network, Parameters], tuple[Detection, ...]]
"""Raises `AnalysisError` when the image cannot be read or an answer is not finite; an empty tuple
means that it looked everywhere and marked nothing."""

_READERS: dict[str, Reader] = {}


def register(name: str, read: Reader) -> None:
    """Make a reader known under the name that packs use."""
    if name in _READERS:
        raise PackError("reader-twice", f"two readers call themselves {name!r}")
    _READERS[name] = read


def reader(name: str) -> Reader:
    """The reader of that name; `PackError` for one that this build does not have."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    try:
        return _READERS[name]
    except KeyError:
        known = ", ".join(sorted(_READERS))
        raise PackError("reader-unknown", f"{name!r}; this build knows {known}") from None
