"""Whatever happens to the inference child, a reading ends as detections or as a named failure."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from appliance.clock import SystemClock
from appliance.domain import Bone
from appliance.errors import AnalysisError
from appliance.imaging import Film, Volume
from appliance.inference.host import InferenceHost
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.inference.starting import HostSettings
from tests.simulators import packs
from tests.simulators.bright_squares import film

LONG = 60.0
SPOT = (30, 22)
Hosts = Callable[..., InferenceHost]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    made: list[InferenceHost] = []

    def make(
        network: bytes | None = None, settings: HostSettings | None = None, **changes: object
    ) -> InferenceHost:
        folder = packs.write_pack(tmp_path / f"pack{len(made)}", network, **changes)
        pack = open_pack(folder, Trust.shipped())
        settings = settings or HostSettings(module="tests.simulators.inference_worker")
        made.append(InferenceHost(pack, settings, SystemClock()))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceHost]:
    """One host for all tests after which it must serve again by itself."""
    pack = open_pack(packs.write_pack(tmp_path_factory.mktemp("steady") / "pack"), Trust.shipped())
    settings = HostSettings(module="tests.simulators.inference_worker")
    with InferenceHost(pack, settings, SystemClock()) as host:
        yield host


def pid(host: InferenceHost) -> int:
    assert host.pid is not None
    return host.pid


def fails_with(host: InferenceHost, code: str, image: Film, within_s: float = LONG) -> None:
    with pytest.raises(AnalysisError) as caught:
        host.read(image, within_s)
    assert caught.value.code == code, caught.value


def finds_the_spot(host: InferenceHost) -> None:
    found, execution = host.read(film(SPOT), LONG)
    (spot,) = found
    assert spot.bone is Bone.ANKLE
    assert spot.score == pytest.approx(0.9, abs=0.02)
    assert spot.region.left <= SPOT[0] < spot.region.right  # type: ignore[union-attr]
    assert execution.device == "cpu"
    assert not execution.fell_back


def test_a_reading_finds_what_is_there_and_nothing_else(steady: InferenceHost) -> None:
    host = steady
    finds_the_spot(host)
    first = pid(host)
    assert host.read(film(), LONG)[0] == ()
    assert pid(host) == first, "a warm child serves many readings"


def test_a_killed_child_is_a_failure_and_the_next_reading_has_a_new_one(
    steady: InferenceHost,
) -> None:
    host = steady
    host.warm_up()
    first = pid(host)
    os.kill(first, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(host.read, film(SPOT), LONG)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(AnalysisError) as caught:
            reading.result()
    assert (caught.value.code, caught.value.detail) == ("inference-crashed", "signal 9")
    assert host.pid is None
    finds_the_spot(host)
    assert pid(host) != first


def test_a_hanging_child_is_killed_at_the_deadline(steady: InferenceHost) -> None:
    host = steady
    host.warm_up()
    first = pid(host)
    os.kill(first, signal.SIGSTOP)
    fails_with(host, "inference-timeout", film(SPOT), within_s=0.3)
    assert not Path(f"/proc/{first}").exists()
    finds_the_spot(host)


def test_a_network_beyond_its_memory_budget_is_named(hosts: Hosts) -> None:
    host = hosts(packs.hungry())
    fails_with(host, "inference-memory", film(SPOT))
    assert host.pid is None


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_an_answer_that_is_not_finite_is_no_reading(hosts: Hosts, runtime: str) -> None:
    settings = HostSettings(module="tests.simulators.inference_worker", runtime=runtime)
    host = hosts(packs.root(), settings, tolerance={"score": 0.1, "position": 3.0})
    assert host.read(film(SPOT), LONG)[1].runtime == runtime
    before = pid(host)
    fails_with(host, "network-answer-invalid", film(SPOT, background=-0.2))
    host.warm_up()
    assert pid(host) != before, "what answered NaN proves itself anew"


def test_a_start_that_is_ended_tries_no_other_way(hosts: Hosts) -> None:
    """A pack on trial is started while no study is there, and gives way when one comes."""
    host = hosts()
    failed: list[AnalysisError] = []

    def warm_up() -> None:
        try:
            host.warm_up()
        except AnalysisError as error:
            failed.append(error)

    starting = threading.Thread(target=warm_up)
    starting.start()
    while host._starting is None:
        time.sleep(0.001)
    host.close()
    starting.join()
    assert [error.code for error in failed] == ["inference-crashed"]
    assert host.pid is None
    host.warm_up()
    assert host.pid is not None


def test_a_constant_network_never_reads_a_patient(hosts: Hosts) -> None:
    host = hosts(packs.constant())
    with pytest.raises(AnalysisError) as caught:
        host.warm_up()
    assert caught.value.code == "self-test-failed"
    assert "missing: spot" in caught.value.detail
    assert host.pid is None


def test_an_image_that_the_reader_refuses_keeps_the_child(steady: InferenceHost) -> None:
    host = steady
    host.warm_up()
    before = pid(host)
    fails_with(host, "image-not-for-reader", Film(np.zeros((10, 10), np.float32), None))
    volume = Volume(np.zeros((2, 2, 2), np.int16), np.zeros(3), np.eye(3))
    with pytest.raises(AnalysisError):
        host.read(volume, LONG)
    assert pid(host) == before


def test_a_device_that_is_not_there_is_announced(
    hosts: Hosts, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(settings=HostSettings("npu", module="tests.simulators.inference_worker"))
    with caplog.at_level("INFO", logger="osteon"):
        _, execution = host.read(film(SPOT), LONG)
    assert (execution.device, execution.fell_back) == ("cpu", True)
    assert '"reason": "device-missing"' in caplog.text


def card(misdeed: str) -> HostSettings:
    environment = {"OSTEON_TEST_CARD": misdeed}
    module = "tests.simulators.accelerated_worker"
    return HostSettings("gpu", module=module, environment=environment)


@pytest.mark.parametrize(
    ("misdeed", "reason"), [("wrong", "self-test-failed"), ("missing", "network-load-failed")]
)
def test_a_card_that_fails_its_test_is_passed_over_aloud(
    hosts: Hosts, caplog: pytest.LogCaptureFixture, misdeed: str, reason: str
) -> None:
    host = hosts(settings=card(misdeed))
    with caplog.at_level("INFO", logger="osteon"):
        found, execution = host.read(film(SPOT), LONG)
    assert len(found) == 1
    assert (execution.runtime, execution.device, execution.fell_back) == ("openvino", "cpu", True)
    assert f'"reason": "{reason}"' in caplog.text


def test_a_card_that_dies_on_an_image_gives_way_to_the_cpu(hosts: Hosts) -> None:
    host = hosts(settings=card("dies"))
    assert host.read(film(SPOT), LONG)[1].device == "gpu"
    fails_with(host, "inference-crashed", film(SPOT, background=-0.2))
    found, execution = host.read(film(SPOT, background=-0.2), LONG)
    assert len(found) == 1
    assert (execution.device, execution.fell_back) == ("cpu", True)


def test_a_reader_that_this_build_lacks_is_named(hosts: Hosts) -> None:
    host = hosts(settings=HostSettings())  # the real worker knows no reader of the tests
    fails_with(host, "reader-unknown", film(SPOT))


def test_a_network_of_another_shape_is_refused(hosts: Hosts) -> None:
    fails_with(hosts(packs.flat()), "network-shape-other", film(SPOT))


def test_a_network_that_is_none_is_refused(hosts: Hosts) -> None:
    fails_with(hosts(b"no network at all"), "network-load-failed", film(SPOT))
