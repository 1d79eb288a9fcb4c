"""Reads cases with a pack in the box's own inference child, once for each way to run it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.clock import SystemClock
from appliance.domain import Detection
from appliance.errors import AnalysisError
from appliance.evaluation import Exam, HitRule, Scored, score
from appliance.imaging import Image
from appliance.inference.detections import checked
from appliance.inference.device import Device
from appliance.inference.host import InferenceHost
from appliance.inference.pack import Pack
from appliance.inference.runtimes.openvino import OpenVinoRuntime
from appliance.inference.starting import HostSettings
from appliance.inference.steps import reader
from models.training.evaluate.cases import Case, OtherNetwork, Refusal
from models.training.evaluate.thumbnails import Thumbnail, thumbnails

DEADLINE_S = 600.0
MAIN, OTHER, FLOAT32 = "openvino", "onnxruntime", "float32"

Read = Callable[[Image], tuple[tuple[Detection, ...], float]]
"""An image → its detections, and the seconds that it took."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One case as one way to run the pack read it."""

    exam: Scored
    seconds: float


@dataclass(frozen=True, slots=True)
class Unread:
    """A case that decoder or reader refused, by the code of why."""

    name: str
    code: str
    is_positive: bool


@dataclass(slots=True)
class Readings:
    """Everything that was read of one section, by way; and what the reader refused, and why."""

    by_way: dict[str, list[Reading]]
    refused: list[Unread]
    thumbnails: list[Thumbnail]

    def exams(self, way: str = MAIN) -> list[Scored]:
        """Of one way, in the order of reading."""
        return [each.exam for each in self.by_way.get(way, [])]


def read_all(
    cases: Iterable[Case],
    rule: HitRule,
    ways: dict[str, Read],
    most_compared: int,
    report: float,
) -> Readings:
    """Read every case in the main way, the first ones in the other runtime, all in float32.

    A case that decoder or reader refuse is kept with its code, and in no figure.
    """
    found = Readings({way: [] for way in ways}, [], [])
    for number, case in enumerate(cases):
        if isinstance(case.image, Refusal):
            found.refused.append(Unread(case.name, case.image.code, bool(case.lesions)))
            continue
        for way, read in ways.items():
            if way == OTHER and number >= most_compared:
                continue
            try:
                marks, seconds = read(case.image)
            except AnalysisError as error:
                if way == MAIN:
                    found.refused.append(Unread(case.name, error.code, bool(case.lesions)))
                break
            exam = score(Exam(case.patient, case.name, case.lesions, marks, case.attributes), rule)
            found.by_way[way].append(Reading(exam, seconds))
            if way == MAIN:
                found.thumbnails += thumbnails(case.image, exam, report)
        print(f"  {number + 1} {case.name}", flush=True)
    return found


@contextmanager
def ways_to_run(pack: Pack, float32: Path | None) -> Iterator[dict[str, Read]]:
    """The box's child with each library, and the network before quantization where it is given."""
    clock = SystemClock()
    with (
        InferenceHost(pack, HostSettings("cpu", MAIN), clock) as main,
        InferenceHost(pack, HostSettings("cpu", OTHER), clock) as other,
    ):
        ways = {MAIN: _by_host(main), OTHER: _by_host(other)}
        if float32 is not None:
            ways[FLOAT32] = _in_process(pack, float32.read_bytes())
        yield ways


def of_network(pack: Pack, other: OtherNetwork) -> dict[str, Read]:
    """The pack's reader with the network of another fold."""
    own = {"slope": other.slope, "offset": other.offset}
    return {MAIN: _in_process(pack, other.file.read_bytes(), own)}


def _by_host(host: InferenceHost) -> Read:
    def read(image: Image) -> tuple[tuple[Detection, ...], float]:
        marks, execution = host.read(image, DEADLINE_S)
        return marks, execution.latency_s

    return read


def _in_process(pack: Pack, network: bytes, own: Mapping[str, float] | None = None) -> Read:
    """A network that is in no pack: the same reader and library, without the child.

    own: parameters of the reader that are not the pack's.
    """
    runtime, clock = OpenVinoRuntime(network, Device.CPU), SystemClock()
    spec = pack.spec
    parameters = {**spec.reader.parameters, **(own or {})}

    def read(image: Image) -> tuple[tuple[Detection, ...], float]:
        began = clock.monotonic()
        found = reader(spec.reader.name)(image, runtime, parameters)
        marks = tuple(checked(each, spec) for each in found)
        return marks, clock.monotonic() - began

    return read
