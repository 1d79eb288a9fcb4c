"""Bringing an inference child to the point where it may read: the best way to run that works."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from appliance import journal
from appliance.childprocess import Child, ChildError, Fault, Limits, Message
from appliance.clock import Clock
from appliance.errors import AnalysisError, OsteonError
from appliance.inference import exchange
from appliance.inference.device import AUTO, Choice, Device, choices
from appliance.inference.pack import Pack

_REPLY_BYTES: Final = 64 * 2**20
"""A child answers without arrays; this also bounds any file that a driver may want to write."""


_PROBE_MIB: Final = 1024
"""For a child that only says what it could use."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How a pack is to run.

    device: `auto` or a name of `Device`. runtime: a library to prefer, or None.
    start_s: seconds for starting the child, and again for loading the pack with its golden cases.
    niceness: 19 for a pack that is only tried: its child then takes what the others leave.
    module: what the child runs; another one only in tests. environment: added to the child's.
    """

    device: str = AUTO
    runtime: str | None = None
    start_s: float = 120.0
    niceness: int = 0
    module: str = "appliance.inference.worker"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Serving:
    """A child that passed its golden cases. `fell_back`: not the best way that was asked for."""

    child: Child
    way: Choice
    fell_back: bool


Launched = Callable[[Child], None]
"""Told of each child as soon as it is there, for whoever may want to end it; may raise to stop."""


def start(
    pack: Pack,
    settings: HostSettings,
    clock: Clock,
    distrusted: Collection[Choice],
    launched: Launched,
) -> Serving:
    """Try each way to run, best first, each in a fresh child, until one passes the golden cases.

    distrusted: ways that failed on a patient's image before; not tried.

    Raises:
        AnalysisError: why the last way failed; `runtime-missing` where there was none.
    """
    began = clock.monotonic()
    failure = AnalysisError("runtime-missing")
    reason = "device-missing"
    memory_mib = pack.spec.budget.memory_mib
    first = _launch(memory_mib, settings, clock)
    launched(first)
    try:
        ways = _ways(first, settings)
    except AnalysisError:
        first.close()
        raise
    child: Child | None = first
    for way in ways:
        if way in distrusted:
            reason = "device-distrusted"
            continue
        if child is None:
            child = _launch(memory_mib, settings, clock)
            launched(child)
        try:
            ask(child, _load_request(pack, way), settings.start_s)
        except AnalysisError as error:
            failure, reason = error, error.code
            child.close()
            child = None
            continue
        serving = Serving(child, way, way.fell_back or way != ways[0])
        _announce(pack, serving, clock.monotonic() - began, reason)
        return serving
    if child is not None:
        child.close()
    raise failure


def offered(settings: HostSettings, clock: Clock) -> Mapping[str, frozenset[Device]]:
    """What each library can use on this machine, asked in a child of its own.

    Raises:
        AnalysisError: as `ask`.
    """
    child = _launch(_PROBE_MIB, settings, clock)
    try:
        return _available(child, settings)
    finally:
        child.close()


def load(
    pack: Pack,
    way: Choice,
    settings: HostSettings,
    clock: Clock,
    launched: Launched,
) -> Child:
    """A fresh child that runs the pack in this one way and passed its golden cases so.

    Raises:
        AnalysisError: as `ask`.
    """
    child = _launch(pack.spec.budget.memory_mib, settings, clock)
    launched(child)
    try:
        ask(child, _load_request(pack, way), settings.start_s)
    except AnalysisError:
        child.close()
        raise
    return child


def ask(child: Child, message: Message, within_s: float) -> Mapping[str, Any]:
    """The header of the child's answer.

    Raises:
        AnalysisError: `inference-crashed`, `inference-timeout`, `inference-memory`,
            `inference-garbage` (the child is gone), or what its handler raised.
    """
    try:
        return child.request(message.header, message.arrays, within_s=within_s).header
    except ChildError as error:
        raise _as_analysis_error(error) from None
    except OsteonError as error:
        raise AnalysisError(error.code, error.detail) from None


def _launch(memory_mib: int, settings: HostSettings, clock: Clock) -> Child:
    limits = Limits(memory_mib << 20, _REPLY_BYTES, settings.start_s)
    try:
        child = Child(settings.module, limits, clock, settings.environment)
    except ChildError as error:
        raise _as_analysis_error(error) from None
    if settings.niceness:
        # Now, while it has one thread: those that the runtime makes inherit it.
        os.setpriority(os.PRIO_PROCESS, child.pid, settings.niceness)
    return child


def _ways(child: Child, settings: HostSettings) -> tuple[Choice, ...]:
    return choices(settings.device, _available(child, settings), settings.runtime)


def _available(child: Child, settings: HostSettings) -> dict[str, frozenset[Device]]:
    answer = ask(child, Message({"do": "probe"}), settings.start_s)
    try:
        return {
            str(library): frozenset(map(Device, devices))
            for library, devices in answer["available"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AnalysisError("inference-garbage", "no devices named") from None


def _load_request(pack: Pack, way: Choice) -> Message:
    message = exchange.pack_to_message(pack)
    request = {"do": "load", "library": way.library, "device": way.device.value}
    return Message({**message.header, **request}, message.arrays)


def _announce(pack: Pack, serving: Serving, seconds: float, reason: str) -> None:
    facts: dict[str, journal.Value] = {
        "model": pack.identity.name,
        "version": pack.identity.version,
        "runtime": serving.way.library,
        "device": serving.way.device.value,
    }
    state = "isolated" if serving.child.isolated else "network-reachable"
    journal.event("inference-ready", **facts, seconds=round(seconds, 3), state=state)
    if serving.fell_back:
        journal.warn("inference-fell-back", **facts, reason=reason)


def _as_analysis_error(error: ChildError) -> AnalysisError:
    match error.fault:
        case Fault.CRASHED:
            return AnalysisError("inference-crashed", error.detail)
        case Fault.TIMEOUT:
            return AnalysisError("inference-timeout", error.detail)
        case Fault.MEMORY:
            return AnalysisError("inference-memory", error.detail)
        case Fault.GARBAGE:
            return AnalysisError("inference-garbage", error.detail)
