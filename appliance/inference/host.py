"""Readings by a warm child: one for each pack, replaced whenever it fails."""

from __future__ import annotations

import threading
from typing import Final, Self

from appliance.childprocess import Child
from appliance.clock import Clock
from appliance.domain import Detection, Execution
from appliance.errors import AnalysisError
from appliance.imaging import Image
from appliance.inference import detections, exchange
from appliance.inference.device import Choice, Device
from appliance.inference.pack import Pack
from appliance.inference.starting import HostSettings, Serving, ask, start

_FATAL: Final = frozenset(
    {
        "inference-crashed",
        "inference-timeout",
        "inference-memory",
        "inference-garbage",
        "detections-invalid",
        "network-answer-invalid",
    }
)
"""After these the child is not asked again: the next reading starts with the golden cases."""


class InferenceHost:
    """Reads images with one pack, in a child that is killed and replaced when it fails."""

    def __init__(self, pack: Pack, settings: HostSettings, clock: Clock) -> None:
        self._pack = pack
        self._settings = settings
        self._clock = clock
        self._serving: Serving | None = None
        self._starting: Child | None = None
        self._closings = 0
        self._distrusted: set[Choice] = set()
        self._busy = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pack(self) -> Pack:
        """The pack that reads."""
        return self._pack

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is no child."""
        serving = self._serving
        return None if serving is None else serving.child.pid

    @property
    def serves_by(self) -> tuple[str, str] | None:
        """(runtime, device) of the child; None while there is no child."""
        serving = self._serving
        return None if serving is None else (serving.way.library, serving.way.device.value)

    def warm_up(self) -> None:
        """Start the child where there is none, load the pack and pass its golden cases.

        Raises:
            AnalysisError: as `read`, and `self-test-failed`.
        """
        with self._busy:
            self._ready()

    def read(self, image: Image, deadline_s: float) -> tuple[tuple[Detection, ...], Execution]:
        """Read one image within `deadline_s` seconds (a start that is needed first not counted).

        An empty tuple means that the network looked everywhere and marked nothing.

        Raises:
            AnalysisError: `inference-crashed`, `inference-timeout`, `inference-memory`,
                `inference-garbage`, `detections-invalid`, or what the reader raised.
        """
        with self._busy:
            serving = self._ready()
            try:
                answer = ask(serving.child, exchange.image_to_message(image), deadline_s)
                found = detections.from_json(answer.get("detections"), self._pack.spec)
                latency_s = exchange.seconds(answer)
            except AnalysisError as error:
                if error.code in _FATAL:
                    self._give_up(serving)
                raise
        way = serving.way
        return found, Execution(way.library, way.device.value, latency_s, serving.fell_back)

    def close(self) -> None:
        """Kill the child, even amid its start or a reading; a later call starts another."""
        self._closings += 1
        starting, serving, self._serving = self._starting, self._serving, None
        if starting is not None:
            starting.close()
        if serving is not None:
            serving.child.close()

    def _ready(self) -> Serving:
        if self._serving is None:
            self._serving = self._started()
        return self._serving

    def _started(self) -> Serving:
        closings = self._closings

        def launched(child: Child) -> None:
            self._starting = child
            if self._closings != closings:
                child.close()
                raise AnalysisError("inference-crashed", "ended amid its start")

        try:
            serving = start(self._pack, self._settings, self._clock, self._distrusted, launched)
            launched(serving.child)
        finally:
            self._starting = None
        return serving

    def _give_up(self, serving: Serving) -> None:
        """Be rid of the child; an accelerator that failed on an image is not asked again."""
        self.close()
        serving.child.close()
        if serving.way.device is not Device.CPU:
            self._distrusted.add(serving.way)
