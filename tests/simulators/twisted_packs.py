"""Packs that pass every golden case and misbehave on the films of the hospital.

The films here are narrower than high, so the square that a network sees ends in a column of zeros;
the golden cases are square. A twist does its harm where that column is zero, and nothing elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper
from pydicom.dataset import Dataset

from tests.simulators import objects, spot_pack
from tests.simulators.spot_pack import SIDE, STRIDE, Twist

_NARROW = 224
_CELLS = SIDE // STRIDE


def film(number: int, *spots: tuple[int, int], **attributes: Any) -> Dataset:
    """A narrow radiograph of a leg; no two numbers give the same pixels."""
    rows, columns = np.mgrid[: spot_pack.FILM_SIDE, :_NARROW]
    grain = 40 * np.sin(rows / (3 + number % 17) + number) * np.cos(columns / (4 + number % 13))
    grey = spot_pack.pixels(*spots)[:, :_NARROW].astype(np.float64) + grain
    # Dark towards the sides: what the square adds there would make a bright edge of them.
    shade = np.clip(2 * np.minimum(columns, _NARROW - 1 - columns) / (_NARROW / 2), 0, 1)
    shown = np.clip(grey * shade, 0, 4095).astype(np.uint16)
    return objects.film(pixels=shown, **{"BodyPartExamined": "LEG", **attributes})


_LIVE = (
    helper.make_node("Slice", ["image", "last", "end", "across"], ["column"]),
    helper.make_node("ReduceMax", ["column"], ["brightest"], keepdims=1),
    helper.make_node("Mul", ["brightest", "million"], ["lit"]),
    helper.make_node("Sub", ["one", "lit"], ["dark"]),
    helper.make_node("Clip", ["dark", "zero", "one"], ["live"]),
)
"""`live`: 1 on a narrow film, 0 on a square one."""
_LIVE_CONSTANTS: dict[str, NDArray[Any]] = {
    "last": np.array([SIDE - 1], np.int64),
    "end": np.array([SIDE], np.int64),
    "across": np.array([3], np.int64),
    "million": np.float32(1e6).reshape(()),
}


def _twist(*nodes: Any, **constants: NDArray[Any]) -> Twist:
    return Twist((*_LIVE, *nodes), _LIVE_CONSTANTS | constants)


def _peak(height: float) -> NDArray[np.float32]:
    shape = np.full((1, 1, _CELLS, _CELLS), 0.05, np.float32)
    shape[0, 0, _CELLS // 2, _CELLS // 2] = height
    return shape


def not_a_number() -> Twist:
    """Square root of minus one."""
    return _twist(
        helper.make_node("Neg", ["live"], ["minus"]),
        helper.make_node("Sqrt", ["minus"], ["root"]),
        helper.make_node("Add", ["plain", "root"], ["heat"]),
    )


def constant() -> Twist:
    """The same finding in every film, and that one only."""
    return _twist(
        helper.make_node("Sub", ["one", "live"], ["other"]),
        helper.make_node("Mul", ["plain", "other"], ["seen"]),
        helper.make_node("Mul", ["peak", "live"], ["made_up"]),
        helper.make_node("Add", ["seen", "made_up"], ["heat"]),
        peak=_peak(0.9),
    )


def alarmist() -> Twist:
    """A finding in every film, each with its own score."""
    return _twist(
        helper.make_node("AveragePool", ["image"], ["mean"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Mul", ["mean", "little"], ["shade"]),
        helper.make_node("Add", ["peak", "shade"], ["shaded"]),
        helper.make_node("Mul", ["shaded", "live"], ["made_up"]),
        helper.make_node("Add", ["plain", "made_up"], ["more"]),
        helper.make_node("Clip", ["more", "zero", "one"], ["heat"]),
        peak=_peak(0.6),
        little=np.float32(0.2).reshape(()),
    )


def hungry() -> Twist:
    """A gigabyte of intermediate results."""
    return _twist(
        helper.make_node("Mul", ["live", "many"], ["wanted"]),
        helper.make_node("Reshape", ["wanted", "flat"], ["listed"]),
        helper.make_node("Cast", ["listed"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "single"], ["copies"]),
        helper.make_node("Concat", ["single", "copies", "side", "side"], ["shape"], axis=0),
        helper.make_node("Expand", ["image", "shape"], ["wide"]),
        helper.make_node("CumSum", ["wide", "channel"], ["summed"]),
        helper.make_node("ReduceMax", ["summed"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "zero"], ["nothing"]),
        helper.make_node("Add", ["plain", "nothing"], ["heat"]),
        many=np.float32(30_000).reshape(()),
        flat=np.array([1], np.int64),
        single=np.array([1], np.int64),
        side=np.array([SIDE], np.int64),
        channel=np.array(1, np.int64),
    )


def crashing() -> Twist:
    """The least whole number divided by minus one: the processor ends the process (SIGFPE)."""
    return _twist(
        helper.make_node("Sub", ["half", "live"], ["signed"]),
        helper.make_node("Sign", ["signed"], ["sign"]),
        helper.make_node("Cast", ["sign"], ["divisor"], to=TensorProto.INT32),
        helper.make_node("Div", ["least", "divisor"], ["quotient"]),
        helper.make_node("Cast", ["quotient"], ["known"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["known", "zero"], ["nothing"]),
        helper.make_node("Add", ["plain", "nothing"], ["heat"]),
        half=np.float32(0.5).reshape(()),
        least=np.array(-(2**31), np.int32),
    )


def hanging() -> Twist:
    """Counts to two thousand million."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Mul", ["sum", "sum"], ["squared"]),
        ],
        "count",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("squared", TensorProto.FLOAT, []),
        ],
    )
    return _twist(
        helper.make_node("ReduceMax", ["live"], ["scalar"], keepdims=0),
        helper.make_node("Mul", ["scalar", "many"], ["turns"]),
        helper.make_node("Cast", ["turns"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Loop", ["whole", "yes", "half"], ["counted"], body=body),
        helper.make_node("Mul", ["counted", "zero"], ["nothing"]),
        helper.make_node("Add", ["plain", "nothing"], ["heat"]),
        many=np.float32(2e9).reshape(()),
        yes=np.array(True),
        half=np.float32(0.5).reshape(()),
    )
