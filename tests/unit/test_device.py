"""Where a network runs, as a pure choice."""

from __future__ import annotations

import pytest

from appliance.inference.device import Choice, Device, choices

CPU, GPU, NPU, CUDA = Device.CPU, Device.GPU, Device.NPU, Device.CUDA
EVERYWHERE = {"openvino": frozenset({CPU, GPU, NPU}), "onnxruntime": frozenset({CPU, CUDA})}
PLAIN = {"openvino": frozenset({CPU}), "onnxruntime": frozenset({CPU})}


@pytest.mark.parametrize(
    ("asked", "available", "first"),
    [
        ("auto", PLAIN, Choice("openvino", CPU, fell_back=False)),
        ("auto", EVERYWHERE, Choice("onnxruntime", CUDA, fell_back=False)),
        ("cpu", EVERYWHERE, Choice("openvino", CPU, fell_back=False)),
        ("gpu", EVERYWHERE, Choice("openvino", GPU, fell_back=False)),
        ("npu", EVERYWHERE, Choice("openvino", NPU, fell_back=False)),
        ("gpu", PLAIN, Choice("openvino", CPU, fell_back=True)),
        ("cuda", PLAIN, Choice("openvino", CPU, fell_back=True)),
    ],
)
def test_the_first_choice(
    asked: str, available: dict[str, frozenset[Device]], first: Choice
) -> None:
    assert choices(asked, available)[0] == first


@pytest.mark.parametrize("asked", ["auto", *Device])
def test_the_cpu_is_always_the_last_resort(asked: str) -> None:
    assert choices(asked, EVERYWHERE)[-1].device is CPU


def test_a_preferred_library_comes_first_but_not_alone() -> None:
    ways = choices("cpu", PLAIN, "onnxruntime")
    assert [way.library for way in ways] == ["onnxruntime", "openvino"]


def test_auto_never_counts_as_a_fallback() -> None:
    assert not any(way.fell_back for way in choices("auto", EVERYWHERE))


def test_a_device_that_no_one_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="toaster"):
        choices("toaster", PLAIN)


def test_a_machine_without_any_library_has_no_choice() -> None:
    assert choices("auto", {}) == ()
