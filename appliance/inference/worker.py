"""The inference child: `python -m appliance.inference.worker`, started by `host.InferenceHost`.

It gets the verified pack first, proves itself on the golden cases, and then reads one image after
another. It holds no file, no key, no network and no name of a patient.
"""

from __future__ import annotations

from appliance.childprocess import Message, serve
from appliance.clock import Clock, SystemClock
from appliance.domain import Detection
from appliance.errors import AnalysisError
from appliance.imaging import Image
from appliance.inference import detections, exchange, runtimes
from appliance.inference.device import Device
from appliance.inference.golden import check_golden, golden_image
from appliance.inference.pack import Pack
from appliance.inference.runtime import Runtime
from appliance.inference.steps import reader


class Worker:
    """What the child remembers between requests: the pack, and the network that serves it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loaded: tuple[Pack, Runtime] | None = None

    def handle(self, request: Message) -> Message:
        """`probe`: what could run here; `load`: the pack, once; `time`: it; `read`: an image.

        Raises:
            AnalysisError: `network-load-failed`, `network-shape-other`, `self-test-failed`, or
                what the reader raises.
        """
        match request.header["do"]:
            case "probe":
                found = runtimes.available(runtimes.libraries())
                return Message({"available": {name: sorted(found[name]) for name in found}})
            case "load":
                pack = exchange.pack_from_message(request)
                library = runtimes.libraries()[request.header["library"]]
                self._loaded = (pack, load_sound(pack, library, Device(request.header["device"])))
                return Message({})
            case "time":
                return self._time()
            case _:
                return self._read(request)

    def _time(self) -> Message:
        """The slowest golden case, read once more: the first time pays for the runtime's start."""
        pack, _ = self._need_pack()
        slowest_s = max(self._timed(golden_image(case))[1] for case in pack.golden)
        return Message({"latency_s": slowest_s})

    def _read(self, request: Message) -> Message:
        found, latency_s = self._timed(exchange.image_from_message(request))
        return Message({"detections": detections.to_json(found), "latency_s": latency_s})

    def _timed(self, image: Image) -> tuple[tuple[Detection, ...], float]:
        pack, runtime = self._need_pack()
        started = self._clock.monotonic()
        found = reader(pack.spec.reader.name)(image, runtime, pack.spec.reader.parameters)
        return found, self._clock.monotonic() - started

    def _need_pack(self) -> tuple[Pack, Runtime]:
        if self._loaded is None:
            raise AnalysisError("inference-garbage", "an image before the pack")
        return self._loaded


def load_sound(pack: Pack, library: type[Runtime], device: Device) -> Runtime:
    """Load a pack's network and let it prove itself on the golden cases.

    Raises:
        AnalysisError: `network-load-failed`, `network-shape-other` or `self-test-failed`.
        MemoryError: the library ran out of memory.
    """
    runtime = library(pack.network, device)
    if runtime.input_shape != pack.spec.network.input:
        raise AnalysisError("network-shape-other", f"{runtime.input_shape}")
    report = check_golden(pack, runtime)
    if not report.passed:
        failures = [f"{case.name}: {each}" for case in report.cases for each in case.failures]
        raise AnalysisError("self-test-failed", "; ".join(failures)[:150])
    return runtime


if __name__ == "__main__":
    serve(Worker(SystemClock()).handle)
