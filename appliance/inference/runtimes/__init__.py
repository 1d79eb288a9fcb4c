"""Adapters to inference libraries. Adding one is one module here that ends in `register(...)`.

A library is imported only inside the inference child, and only when it is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from appliance.errors import PackError
from appliance.inference.device import Device
from appliance.inference.runtime import Runtime

_LIBRARIES: dict[str, type[Runtime]] = {}


def register(name: str, library: type[Runtime]) -> None:
    """Make a library known under the name that configuration and results use."""
    if name in _LIBRARIES:
        raise PackError("runtime-twice", name)
    _LIBRARIES[name] = library


def libraries() -> Mapping[str, type[Runtime]]:
    """All adapters, the faster one on CPUs first; one that cannot be imported is fatal."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_LIBRARIES.items(), key=lambda item: item[0] != "openvino"))


def available(known: Mapping[str, type[Runtime]]) -> dict[str, frozenset[Device]]:
    """Library → the devices that it can use on this machine now."""
    return {name: library.devices() for name, library in known.items()}
