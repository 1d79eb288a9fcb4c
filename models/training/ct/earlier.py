"""Weights to begin with, out of the INT8 network of an earlier version of the pack.

    python -m models.training.ct.earlier NETWORK.onnx PATCHES OUT/start.pt

Its batch normalisation was folded into the convolutions. Here each one is put back with the mean
and the spread that its input has on training patches: the network answers as before, and can be
trained further. The head of types begins anew.
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

from models.training.ct.augment import training_sample
from models.training.ct.network import FractureNet
from models.training.ct.train import load_patches

SAMPLES = 48
SEED = 5


def earlier_network(path: Path, cubes: Tensor) -> FractureNet:
    """The network of a pack, to be trained further; cubes: typical inputs (n, 1, e, e, e)."""
    found = _convolutions(path)
    network = FractureNet()
    pairs: list[tuple[nn.Conv3d, nn.BatchNorm3d, Tensor]] = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv3d) or name.startswith("types."):
            continue
        weight, bias = found[name]
        module.weight.data = torch.from_numpy(weight)
        if module.bias is not None:
            module.bias.data = torch.from_numpy(bias)
            continue
        norm = network.get_submodule(f"{name.rpartition('.')[0]}.1")
        if not isinstance(norm, nn.BatchNorm3d):
            raise TypeError(f"no batch normalisation after {name}")
        norm.eps, eps = 0.0, norm.eps
        norm.bias.data = torch.from_numpy(bias)
        pairs.append((module, norm, torch.tensor(eps)))
    _put_back(network, pairs, cubes)
    return network


def _put_back(
    network: FractureNet, pairs: list[tuple[nn.Conv3d, nn.BatchNorm3d, Tensor]], cubes: Tensor
) -> None:
    moments: dict[nn.BatchNorm3d, tuple[Tensor, Tensor]] = {}

    def seen(norm: nn.BatchNorm3d, _: nn.Module, __: object, answer: Tensor) -> None:
        moments[norm] = (answer.mean((0, 2, 3, 4)), answer.var((0, 2, 3, 4)))

    hooks = [conv.register_forward_hook(partial(seen, norm)) for conv, norm, _ in pairs]
    with torch.no_grad():
        network.eval()(cubes)
        for _, norm, eps in pairs:
            mean, variance = moments[norm]
            norm.eps = float(eps)
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
            module = node.name.split("/")[-2]
            weight, bias = (_value(name, values, sources) for name in node.input[1:3])
            found[module] = (weight, bias)
    return found


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
    parser.add_argument("patches", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    hu, centres = load_patches(given.patches)
    rng = np.random.default_rng(SEED)
    some = rng.permutation(len(hu))[:SAMPLES]
    cubes = torch.stack([training_sample(hu[n], centres[n], rng, 0.5)[0] for n in some])
    given.target.parent.mkdir(parents=True, exist_ok=True)
    torch.save(earlier_network(given.network, cubes).state_dict(), given.target)


if __name__ == "__main__":
    main()
