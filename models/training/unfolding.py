"""Batch normalization put back where an export has folded it into the convolutions.

Each one gets the mean and the spread that its input has on typical inputs: the network answers as
before, and can be trained further.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

Norm: TypeAlias = nn.BatchNorm2d | nn.BatchNorm3d
Folded = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weights and biases of a convolution."""


def convolutions(path: Path) -> dict[str, Folded]:
    """Every convolution of an exported network, dequantized, by the name of its node."""
    graph = onnx.load(path).graph
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    sources = {name: node for node in graph.node for name in node.output}
    found = {}
    for node in graph.node:
        if node.op_type == "Conv":
            weight, bias = (_value(name, values, sources) for name in node.input[1:3])
            found[node.name] = (weight, bias)
    return found


def _value(
    name: str, values: Mapping[str, NDArray[np.generic]], sources: Mapping[str, onnx.NodeProto]
) -> NDArray[np.float32]:
    if name in values:
        return np.array(values[name], dtype=np.float32)
    quantized, scale = (values[each].astype(np.float32) for each in sources[name].input[:2])
    return quantized * scale.reshape(-1, *[1] * (quantized.ndim - 1))


@torch.no_grad()
def put_back(run: Callable[[], object], norms: Sequence[tuple[nn.Module, Norm]]) -> None:
    """Set each normalization by what its convolution answers.

    run: has the network read typical inputs, in evaluation mode. norms: each convolution with the
    normalization behind it, new but for its bias, which is the folded one.
    """
    moments: dict[Norm, tuple[Tensor, Tensor]] = {}

    def seen(norm: Norm, _: nn.Module, __: object, answer: Tensor) -> None:
        places = [0, *range(2, answer.ndim)]
        moments[norm] = (answer.mean(places), answer.var(places))

    hooks = [conv.register_forward_hook(partial(seen, norm)) for conv, norm in norms]
    epsilons = {norm: norm.eps for _, norm in norms}
    for _, norm in norms:
        norm.eps = 0.0  # mean 0 and variance 1 as they are made: only the bias is added
    run()
    for _, norm in norms:
        mean, variance = moments[norm]
        norm.eps = epsilons[norm]
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.data = torch.sqrt(variance + norm.eps)
        norm.bias.data += mean
    for hook in hooks:
        hook.remove()
