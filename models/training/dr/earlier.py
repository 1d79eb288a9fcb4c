"""Weights to begin with, out of the INT8 network of an earlier version of the pack.

    python -m models.training.dr.earlier NETWORK.onnx FRACATLAS OUT/start.pt --side 576

Its batch normalization was folded into the convolutions. Here each one is put back with the mean
and the spread that its input has on films of train: the network answers as before, and can be
trained further.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from appliance.inference.steps.film_input import letterbox
from models.training.dr import films
from models.training.dr.network import FilmNetwork

FILMS = 64
SEED = 5


def earlier_network(path: Path, squares: Tensor) -> FilmNetwork:
    """The network of a pack, to be trained further; squares: typical inputs (n, 1, side, side)."""
    found = _convolutions(path)
    network = FilmNetwork()
    norms: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    modules = dict(network.named_modules())
    for name, module in modules.items():
        if not isinstance(module, nn.Conv2d):
            continue
        weight, bias = found[name]
        module.weight.data = torch.from_numpy(weight)
        if module.bias is not None:
            module.bias.data = torch.from_numpy(bias)
            continue
        norm = modules[_norm_of(name)]
        if not isinstance(norm, nn.BatchNorm2d):
            raise TypeError(f"no batch normalization after {name}")
        norm.weight.data.fill_(1.0)
        norm.bias.data = torch.from_numpy(bias)
        norms.append((module, norm))
    _put_back(network, norms, squares)
    return network


def _norm_of(convolution: str) -> str:
    folder, _, last = convolution.rpartition(".")
    named = {
        "_conv_stem": "_bn0",
        "_expand_conv": "_bn0",
        "_depthwise_conv": "_bn1",
        "_project_conv": "_bn2",
    }
    return f"{folder}.{named.get(last) or int(last) + 1}"


@torch.no_grad()
def _put_back(
    network: FilmNetwork, norms: list[tuple[nn.Conv2d, nn.BatchNorm2d]], squares: Tensor
) -> None:
    moments: dict[nn.BatchNorm2d, tuple[Tensor, Tensor]] = {}

    def seen(norm: nn.BatchNorm2d, _: nn.Module, __: object, answer: Tensor) -> None:
        moments[norm] = (answer.mean((0, 2, 3)), answer.var((0, 2, 3)))

    hooks = [conv.register_forward_hook(partial(seen, norm)) for conv, norm in norms]
    epsilons = {norm: norm.eps for _, norm in norms}
    for _, norm in norms:
        norm.eps = 0.0  # mean 0 and variance 1 as they are made: only the bias is added
    network.eval()
    network.heads(network.backbone(squares))
    for _, norm in norms:
        mean, variance = moments[norm]
        norm.eps = epsilons[norm]
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.data = torch.sqrt(variance + norm.eps)
        norm.bias.data += mean
    for hook in hooks:
        hook.remove()


def _convolutions(path: Path) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Weights and biases by the name of the module they were exported from, dequantized."""
    graph = onnx.load(path).graph
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    sources = {name: node for node in graph.node for name in node.output}
    found = {}
    for node in graph.node:
        if node.op_type == "Conv":
            weight, bias = (_value(name, values, sources) for name in node.input[1:3])
            found[node.name] = (weight, bias)
    return {_module(name): both for name, both in found.items()}


def _module(node: str) -> str:
    """`/heat/heat.0/heat.0.0/Conv` → `heat.0.0`; `/backbone/_blocks.0/_bn/Conv` → dotted."""
    parts = node.strip("/").split("/")[:-1]
    whole = parts[0]
    for part in parts[1:]:
        whole = part if part.startswith(f"{whole}.") else f"{whole}.{part}"
    return whole


def _value(
    name: str, values: Mapping[str, NDArray[np.generic]], sources: Mapping[str, onnx.NodeProto]
) -> NDArray[np.float32]:
    if name in values:
        return np.array(values[name], dtype=np.float32)
    quantized, scale = (values[each].astype(np.float32) for each in sources[name].input[:2])
    return quantized * scale.reshape(-1, *[1] * (quantized.ndim - 1))


def main() -> None:
    """Read the arguments and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--side", type=int, required=True)
    given = parser.parse_args()
    train = films.load(given.data).train
    some = np.random.default_rng(SEED).permutation(len(train))[:FILMS]
    squares = [letterbox(train[n].pixels(), given.side).square[None] for n in some]
    network = earlier_network(given.network, torch.from_numpy(np.stack(squares)))
    torch.save(network.state_dict(), given.target)


if __name__ == "__main__":
    main()
