"""Whether a pack works on this very machine: its golden cases, by every runtime, within its budget.

Each way to run gets a child of its own, limited to the pack's memory and at the lowest priority, so
that what is tried takes nothing from what reads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

from appliance.childprocess import Child, Message
from appliance.clock import Clock
from appliance.errors import AnalysisError
from appliance.inference.device import Choice, Device, choices
from appliance.inference.exchange import seconds
from appliance.inference.pack import Pack
from appliance.inference.starting import HostSettings, ask, load, offered

LOWEST_PRIORITY: Final = 19


@dataclass(frozen=True, slots=True)
class Admitted:
    """A pack that passed. latency_s: its slowest golden case in the way that would serve."""

    way: Choice
    latency_s: float


class Admission:
    """One admission; `close` from any thread ends it."""

    def __init__(self, pack: Pack, settings: HostSettings, clock: Clock) -> None:
        self._pack = pack
        self._settings = replace(settings, niceness=LOWEST_PRIORITY)
        self._clock = clock
        self._child: Child | None = None
        self._is_closed = threading.Event()

    def run(self) -> Admitted:
        """Try the way that would serve, then the CPU with each library.

        Raises:
            AnalysisError: why one of them failed; `inference-crashed` after `close`.
        """
        available = offered(self._settings, self._clock)
        settings = self._settings
        if not (serving := choices(settings.device, available, settings.runtime)):
            raise AnalysisError("runtime-missing")
        on_cpu = (Choice(library, Device.CPU, fell_back=False) for library in sorted(available))
        best, *others = dict.fromkeys((replace(serving[0], fell_back=False), *on_cpu))
        latency_s = self._prove(best)
        for way in others:
            self._prove(way)
        return Admitted(best, latency_s)

    def close(self) -> None:
        """End it, whatever it does."""
        self._is_closed.set()
        if (child := self._child) is not None:
            child.close()

    def _prove(self, way: Choice) -> float:
        """Seconds of the slowest golden case."""
        try:
            child = load(self._pack, way, self._settings, self._clock, self._launched)
        except AnalysisError as error:
            raise AnalysisError(error.code, f"{way.library}: {error.detail}"[:150]) from None
        try:
            return seconds(ask(child, Message({"do": "time"}), self._settings.start_s))
        finally:
            child.close()

    def _launched(self, child: Child) -> None:
        self._child = child
        if self._is_closed.is_set():
            child.close()
