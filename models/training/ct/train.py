"""Train on cached patches: `python -m models.training.ct.train PATCHES OUT --steps 1200`.

Resumable: the last checkpoint in OUT is continued. Folders of further patches (hard negatives) are
given by `--more`; a log of every 20 steps is kept as JSON lines beside the checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.training.ct.augment import training_sample
from models.training.ct.network import FractureNet, heatmap_loss

BATCH = 16
HIGHEST_RATE = 2e-3
SAVE_EVERY = 100
FURTHER = 7


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patches", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--start", type=Path, help="weights to begin from")
    parser.add_argument("--rate", type=float, default=HIGHEST_RATE)
    parser.add_argument("--more", type=Path, help="folder of further patches, seven of a batch")
    parser.add_argument("--without", nargs="*", default=[], help="kinds of patches to leave out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    train(chosen)


def train(chosen: argparse.Namespace) -> None:
    """Run the steps that are still missing, and save the weights."""
    chosen.out.mkdir(parents=True, exist_ok=True)
    checkpoint = chosen.out / "checkpoint.pt"
    torch.manual_seed(chosen.seed)
    network = FractureNet().to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.AdamW(network.parameters(), lr=chosen.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, chosen.rate, total_steps=chosen.steps, pct_start=0.1
    )
    step = 0
    if chosen.start is not None:
        network.load_state_dict(torch.load(chosen.start, weights_only=True))
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        step = state["step"]
    parts = _parts(chosen)
    network.train()
    losses: list[float] = []
    began = time.monotonic()
    while step < chosen.steps:
        cubes, target = _batch(parts, np.random.default_rng((chosen.seed, step)))
        loss = heatmap_loss(network(cubes.to(memory_format=torch.channels_last_3d)), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        step += 1
        losses.append(float(loss.detach()))
        if step % 20 == 0:
            entry = {"step": step, "loss": round(float(np.mean(losses[-20:])), 4)}
            entry["seconds"] = round(time.monotonic() - began, 1)
            with (chosen.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(entry) + "\n")
        if step % SAVE_EVERY == 0 or step == chosen.steps:
            state = {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "step": step,
            }
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").rename(checkpoint)
            parts = _parts(chosen)
    torch.save(network.state_dict(), chosen.out / "weights.pt")


Patches = tuple[NDArray[np.int16], NDArray[np.float32]]


def load_patches(folder: Path, without: Sequence[str] = ()) -> Patches:
    """Cached patches of a folder, but for some kinds: HU (n, e, e, e) and centres (n, 2, 3)."""
    chunks = [np.load(path) for path in sorted(folder.glob("patches-[0-9]*.npz"))]
    kept = [~np.isin(chunk["kinds"], without) for chunk in chunks]
    hu = np.concatenate([chunk["hu"][keep] for chunk, keep in zip(chunks, kept, strict=True)])
    centres = [chunk["centres"][keep] for chunk, keep in zip(chunks, kept, strict=True)]
    return hu, np.concatenate(centres)


def _parts(chosen: argparse.Namespace) -> list[tuple[Patches, int]]:
    """Patches and how many of each batch; read anew at each save, so that they may still grow."""
    if chosen.more is None:
        return [(load_patches(chosen.patches, chosen.without), BATCH)]
    further = load_patches(chosen.more)
    return [(load_patches(chosen.patches, chosen.without), BATCH - FURTHER), (further, FURTHER)]


def _batch(
    parts: list[tuple[Patches, int]], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    samples = []
    for (hu, centres), count in parts:
        chosen = rng.integers(0, len(hu), count)
        samples += [training_sample(hu[n], centres[n], rng) for n in chosen]
    cubes, targets = zip(*samples, strict=True)
    return torch.stack(cubes), torch.stack(targets)


if __name__ == "__main__":
    main()
