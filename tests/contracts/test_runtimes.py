"""One suite for every inference library: the same answers, and the same refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.clock import SystemClock
from appliance.errors import AnalysisError
from appliance.inference import runtimes
from appliance.inference.detections import checked
from appliance.inference.device import Device
from appliance.inference.golden import check_golden, differences, golden_image
from appliance.inference.host import InferenceHost
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.package import open_pack
from appliance.inference.runtime import Runtime
from appliance.inference.starting import HostSettings
from appliance.inference.steps import reader
from tests.simulators import packs

LIBRARIES = runtimes.libraries()
MODELS = Path(__file__).parents[2] / "models"
PACKS = sorted(file.parent.name for file in MODELS.glob("*/manifest.json"))
BATCH = (1, 1, packs.SIDE, packs.SIDE)


@pytest.fixture(params=sorted(LIBRARIES))
def library(request: pytest.FixtureRequest) -> type[Runtime]:
    return LIBRARIES[request.param]


@pytest.fixture(scope="module")
def pack(request: pytest.FixtureRequest) -> Pack:
    return open_pack(MODELS / request.param, Trust.shipped())


def test_the_cpu_is_there(library: type[Runtime]) -> None:
    assert Device.CPU in library.devices()


def test_a_good_network_answers_what_it_computes(library: type[Runtime]) -> None:
    runtime = library(packs.good(), Device.CPU)
    assert (runtime.input_shape, runtime.output_shape) == (BATCH, BATCH)
    image = np.zeros(BATCH, np.float32)
    image[0, 0, 10, 20] = 9
    answer = runtime(image)
    expected = np.zeros(BATCH, np.float32)
    expected[0, 0, 9:12, 19:22] = 1
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_an_answer_is_the_callers_own(library: type[Runtime]) -> None:
    runtime = library(packs.good(), Device.CPU)
    first = runtime(np.ones(BATCH, np.float32))
    kept = first.copy()
    runtime(np.zeros(BATCH, np.float32))
    np.testing.assert_array_equal(first, kept)


def test_the_same_image_has_the_same_answer(library: type[Runtime]) -> None:
    image = np.random.default_rng(1).random(BATCH, np.float32)
    one, other = (library(packs.root(), Device.CPU) for _ in range(2))
    np.testing.assert_array_equal(one(image), other(image))


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((2, 1, 64, 64), np.float32),
        np.zeros((64, 64), np.float32),
        np.zeros(BATCH, np.float64),
        np.full(BATCH, np.nan, np.float32),
        np.full(BATCH, np.inf, np.float32),
    ],
    ids=["batch", "rank", "type", "nan", "infinite"],
)
def test_a_batch_that_the_network_does_not_take_is_refused(
    library: type[Runtime], batch: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    with pytest.raises(AnalysisError) as caught:
        library(packs.good(), Device.CPU)(batch)
    assert caught.value.code == "network-input-invalid"


def test_an_answer_that_is_not_finite_is_refused(library: type[Runtime]) -> None:
    runtime = library(packs.root(), Device.CPU)
    with pytest.raises(AnalysisError) as caught:
        runtime(np.full(BATCH, -1, np.float32))
    assert caught.value.code == "network-answer-invalid"
    assert "4096 not finite" in caught.value.detail


def test_an_answer_of_another_shape_is_refused(library: type[Runtime]) -> None:
    runtime = library(packs.good(), Device.CPU)
    runtime.output_shape = (1, 1, 8, 8)
    with pytest.raises(AnalysisError) as caught:
        runtime(np.zeros(BATCH, np.float32))
    assert caught.value.code == "network-answer-invalid"


@pytest.mark.parametrize("network", [b"", b"no network", packs.good()[:60]])
def test_what_is_no_network_is_refused(library: type[Runtime], network: bytes) -> None:
    with pytest.raises(AnalysisError) as caught:
        library(network, Device.CPU)
    assert caught.value.code == "network-load-failed"


def test_a_network_of_open_shape_is_refused(library: type[Runtime]) -> None:
    with pytest.raises(AnalysisError) as caught:
        library(packs.open_shape(), Device.CPU)
    assert caught.value.code == "network-shape-open"


@pytest.mark.parametrize("pack", PACKS, indirect=True)
def test_a_shipped_pack_gets_its_golden_cases_right(library: type[Runtime], pack: Pack) -> None:
    report = check_golden(pack, library(pack.network, Device.CPU))
    assert report.passed, report


@pytest.mark.parametrize("pack", PACKS, indirect=True)
def test_all_libraries_agree_on_a_shipped_pack(pack: Pack) -> None:
    read = reader(pack.spec.reader.name)
    networks = [library(pack.network, Device.CPU) for library in LIBRARIES.values()]
    for case in pack.golden:
        image = golden_image(case)
        first, *others = (
            [checked(each, pack.spec) for each in read(image, net, pack.spec.reader.parameters)]
            for net in networks
        )
        for other in others:
            report = pack.spec.operating_point.report
            assert differences(first, other, report, pack.spec.tolerance) == ()


@pytest.mark.parametrize("pack", PACKS, indirect=True)
def test_a_shipped_pack_serves_without_the_newest_instructions(pack: Pack) -> None:
    """INT8 differs by instruction set; a pack must pass on AVX2 as on AVX-512 VNNI."""
    settings = HostSettings("cpu", environment={"ONEDNN_MAX_CPU_ISA": "AVX2"})
    with InferenceHost(pack, settings, SystemClock()) as host:
        host.warm_up()
        assert host.serves_by == ("openvino", "cpu")
