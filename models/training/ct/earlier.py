"""Weights to begin with, out of the INT8 network of an earlier version of the pack.

    python -m models.training.ct.earlier NETWORK.onnx PATCHES OUT/start.pt

Its batch normalisation was folded into the convolutions. Here each one is put back with the mean
and the spread that its input has on training patches: the network answers as before, and can be
trained further. The head of types begins anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.training.ct.augment import training_sample
from models.training.ct.network import FractureNet
from models.training.ct.train import load_patches
from models.training.unfolding import Norm, convolutions, put_back

SAMPLES = 48
SEED = 5


def earlier_network(path: Path, cubes: Tensor) -> FractureNet:
    """The network of a pack, to be trained further; cubes: typical inputs (n, 1, e, e, e)."""
    found = {name.split("/")[-2]: folded for name, folded in convolutions(path).items()}
    network = FractureNet()
    norms: list[tuple[nn.Module, Norm]] = []
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
        norm.bias.data = torch.from_numpy(bias)
        norms.append((module, norm))
    network.eval()
    put_back(lambda: network(cubes), norms)
    return network


def main() -> None:
    """Read the arguments and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("patches", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    hu, centres, _ = load_patches(given.patches)
    rng = np.random.default_rng(SEED)
    some = rng.permutation(len(hu))[:SAMPLES]
    cubes = torch.stack([training_sample(hu[n], centres[n], rng, 0.5)[0] for n in some])
    given.target.parent.mkdir(parents=True, exist_ok=True)
    torch.save(earlier_network(given.network, cubes).state_dict(), given.target)


if __name__ == "__main__":
    main()
