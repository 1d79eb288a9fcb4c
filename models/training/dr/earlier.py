"""Weights to begin with, out of the INT8 network of an earlier version of the pack.

    python -m models.training.dr.earlier NETWORK.onnx FRACATLAS OUT/start.pt --side 576

Its batch normalization was folded into the convolutions. Here each one is put back with the mean
and the spread that its input has on films of train: the network answers as before, and can be
trained further.
Reaches stay shares of the side that the pack reads: trained on squares of another side, the
boxes have the wrong size until the bias has learnt.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from appliance.inference.steps.film_input import letterbox
from models.training.dr import films
from models.training.dr.network import FilmNetwork
from models.training.unfolding import Norm, convolutions, put_back

FILMS = 64
SEED = 5


def earlier_network(path: Path, squares: Tensor) -> FilmNetwork:
    """The network of a pack, to be trained further; squares: typical inputs (n, 1, side, side)."""
    found = {_module(name): folded for name, folded in convolutions(path).items()}
    network = FilmNetwork()
    norms: list[tuple[nn.Module, Norm]] = []
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
        norm.bias.data = torch.from_numpy(bias)
        norms.append((module, norm))
    network.eval()
    put_back(lambda: network.heads(network.backbone(squares)), norms)
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


def _module(node: str) -> str:
    """`/heat/heat.0/heat.0.0/Conv` → `heat.0.0`; `/backbone/_blocks.0/_bn/Conv` → dotted."""
    parts = node.strip("/").split("/")[:-1]
    whole = parts[0]
    for part in parts[1:]:
        whole = part if part.startswith(f"{whole}.") else f"{whole}.{part}"
    return whole


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
