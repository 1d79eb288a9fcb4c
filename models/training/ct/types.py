"""Teach the head of types alone: `python -m models.training.ct.types WEIGHTS PATCHES OUT`.

What the network marks stays to the bit what it was: only the second head learns, on what the first
one looks at. So it takes minutes, and a detector that was measured need not be measured again.
WEIGHTS may come from a version without that head. OUT gets `weights.pt` and `types.json`, which
holds the confusion on patches that this head did not learn from. What the heads look at is kept in
OUT, so that a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.training.ct.augment import training_sample
from models.training.ct.network import CORE, TYPES, FractureNet, TypeHead
from models.training.ct.train import load_patches, load_weights

BATCH = 12
VIGOUR = 0.9
PASSES = 40
APART = 5
"""Every fifth patch only tells how well it learnt."""
SEED = 6
Cells = tuple[Tensor, Tensor, Tensor]
"""Features at half (n, c) and quarter resolution (n, d), and the type (n,)."""


def cells_of(
    network: FractureNet,
    hu: NDArray[np.int16],
    centres: NDArray[np.float32],
    types: NDArray[np.int64],
) -> tuple[Cells, Tensor]:
    """What the heads see at the breaks of patches; and of each cell, the number of its patch."""
    rng = np.random.default_rng(SEED)
    halves, quarters, kinds, owners = [], [], [], []
    order = np.flatnonzero(types >= 0)
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        cubes, targets = zip(
            *(training_sample(hu[n], centres[n], rng, VIGOUR) for n in some), strict=True
        )
        with torch.no_grad():
            half, quarter = network.features(
                torch.stack(cubes).to(memory_format=torch.channels_last_3d)
            )
        sample, z, y, x = torch.nonzero(torch.stack(targets)[:, 0] > CORE, as_tuple=True)
        halves.append(half[sample, :, z, y, x])
        quarters.append(quarter[sample, :, z // 2, y // 2, x // 2])
        owner = torch.from_numpy(some)[sample]
        owners.append(owner)
        kinds.append(torch.from_numpy(types)[owner])
        if start // BATCH % 10 == 0:
            print(f"{start} of {len(order)}", flush=True)
    return (torch.cat(halves), torch.cat(quarters), torch.cat(kinds)), torch.cat(owners)


def learn(head: TypeHead, cells: Cells) -> None:
    """Cross entropy, every type as much as every other."""
    half, quarter, kinds = cells
    generator = torch.Generator().manual_seed(SEED)
    weights = 1 / torch.bincount(kinds, minlength=len(TYPES)).clamp(min=1)
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = PASSES * (len(kinds) // 512 + 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(PASSES):
        for some in torch.randperm(len(kinds), generator=generator).split(512):
            loss = functional.cross_entropy(
                _logits(head, half[some], quarter[some]), kinds[some], weights / weights.sum()
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()


def told(head: TypeHead, cells: Cells, owners: Tensor) -> tuple[Tensor, Tensor]:
    """Of each patch, the probabilities that its cells have on average, and its true type."""
    half, quarter, kinds = cells
    with torch.no_grad():
        shares = torch.softmax(_logits(head, half, quarter), dim=1)
    means, true = [], []
    for owner in owners.unique():
        mine = owners == owner
        means.append(shares[mine].mean(0))
        true.append(kinds[mine][0])
    return torch.stack(means), torch.stack(true)


def _logits(head: TypeHead, half: Tensor, quarter: Tensor) -> Tensor:
    """As `TypeHead.forward`, of single cells: its convolutions are matrices."""
    both = _linear(head.of_half, half) + _linear(head.of_quarter, quarter)
    return _linear(head.out, torch.relu(both))


def _linear(convolution: nn.Conv3d, values: Tensor) -> Tensor:
    return functional.linear(values, convolution.weight[..., 0, 0, 0], convolution.bias)


def main() -> None:
    """Read the arguments, learn, and write the weights and the confusion."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("patches", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    torch.manual_seed(SEED)
    network = FractureNet().to(memory_format=torch.channels_last_3d)
    load_weights(network, given.weights)
    kept = given.out / "cells.pt"
    if not kept.exists():
        patches = load_patches(given.patches, ("compression",))
        torch.save(cells_of(network.eval(), *patches), kept)
    cells, owners = torch.load(kept, weights_only=True)
    apart = owners % APART == 0
    learn(network.types, tuple(each[~apart] for each in cells))
    shares, true = told(network.types, tuple(each[apart] for each in cells), owners[apart])
    torch.save(network.state_dict(), given.out / "weights.pt")
    report = {
        "types": [str(each) for each in TYPES],
        "by least probability": {
            f"{least:g}": _table(shares, true, least) for least in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
        },
    }
    (given.out / "types.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))


def _table(shares: Tensor, true: Tensor, least: float) -> list[list[int]]:
    """Rows: the true types; columns: what was told, and last what was not sure enough."""
    sure, kinds = shares.max(1)
    kinds[sure < least] = len(TYPES)
    return [
        torch.bincount(kinds[true == kind], minlength=len(TYPES) + 1).tolist()
        for kind in range(len(TYPES))
    ]


if __name__ == "__main__":
    main()
