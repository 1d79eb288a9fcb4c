"""Train on cached patches: `python -m models.training.ct.train PATCHES OUT --hard MINED`.

Resumable: the last checkpoint in OUT is continued. Patches may still be added to both folders while
it trains: new ones are seen at each checkpoint. A log of every 20 steps is kept as JSON lines
beside the checkpoint. `--bfloat16` is twice as fast on processors with AMX, and slower on others.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.training.ct.augment import CUTS, Cut, training_sample
from models.training.ct.network import (
    CORE,
    TYPE_OF,
    TYPE_WEIGHT,
    FractureNet,
    heatmap_loss,
    type_loss,
)

HIGHEST_RATE = 1e-3
SAVE_EVERY = 50
EMA = 0.99
"""Of the weights that are saved: an average over about the last hundred steps."""
HARD = 4
"""One patch in so many is a hard negative, once there are any."""


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patches", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--rate", type=float, default=HIGHEST_RATE)
    parser.add_argument("--hard", type=Path, help="folder of hard negatives, some of each batch")
    parser.add_argument("--start", type=Path, help="weights to begin with, from `earlier`")
    parser.add_argument("--without", nargs="*", default=[], help="kinds of patches to leave out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="layers compute in bfloat16")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    train(chosen)


def train(chosen: argparse.Namespace) -> None:
    """Run the steps that are still missing, and save the weights."""
    chosen.out.mkdir(parents=True, exist_ok=True)
    checkpoint = chosen.out / "checkpoint.pt"
    torch.manual_seed(chosen.seed)
    # What each kind of number is faster in.
    layout = torch.contiguous_format if chosen.bfloat16 else torch.channels_last_3d
    network = FractureNet().to(memory_format=layout)
    if chosen.start is not None:
        load_weights(network, chosen.start)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(EMA), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=chosen.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, partial(_rate, steps=chosen.steps))
    step = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        step = state["step"]
    files = _files(chosen)
    parts = _parts(chosen)
    network.train()
    losses: list[tuple[float, ...]] = []
    began = time.monotonic()
    while step < chosen.steps:
        rng = np.random.default_rng((chosen.seed, step))
        cubes, target, types = _batch(
            parts, CUTS[step % len(CUTS)], rng, _vigour(step / chosen.steps)
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=chosen.bfloat16):
            logits, of_types = network(cubes.to(memory_format=layout))
        of_type = type_loss(of_types, target, types)
        loss = heatmap_loss(logits, target) + TYPE_WEIGHT * of_type
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        step += 1
        losses.append(
            (
                float(loss.detach()),
                float(of_type.detach()),
                *_scores(logits.detach().float(), target),
            )
        )
        if step % 20 == 0:
            _log(chosen.out, step, time.monotonic() - began, losses[-20:])
        if step % SAVE_EVERY == 0 or step == chosen.steps:
            state = {
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "step": step,
            }
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").rename(checkpoint)
            torch.save(average.module.state_dict(), chosen.out / "latest.pt")
            if files != (files := _files(chosen)):
                parts = _parts(chosen)
    torch.save(average.module.state_dict(), chosen.out / "weights.pt")


def _log(out: Path, step: int, seconds: float, losses: list[tuple[float, ...]]) -> None:
    means = np.nanmean(losses, axis=0).round(4).tolist()
    entry = dict(zip(("loss", "type", "broken", "intact"), means, strict=True))
    entry |= {"step": step, "seconds": round(seconds, 1)}
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


def load_weights(network: FractureNet, path: Path) -> None:
    """Weights of this version, or of an earlier one without the head of types.

    Raises:
        ValueError: they are of another network.
    """
    weights = torch.load(path, weights_only=True)
    told = network.load_state_dict(weights, strict=False)
    if told.unexpected_keys or any(not key.startswith("types.") for key in told.missing_keys):
        raise ValueError(f"weights of another network: {path.name}")


Patches = tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.int64]]


def load_patches(folder: Path, without: Sequence[str] = ()) -> Patches:
    """Cached patches of a folder, some kinds left out.

    HU (n, e, e, e), centres (n, 2, 3), and types (n,) in the order of `TYPES`, -1 for none.
    """
    files = [np.load(path) for path in _patch_files(folder)]
    hu, centres, kinds = (
        np.concatenate([file[name] for file in files]) for name in ("hu", "centres", "kinds")
    )
    types = np.array([TYPE_OF.get(str(kind), -1) for kind in kinds])
    if without:
        kept = ~np.isin(kinds, without)
        hu, centres, types = hu[kept], centres[kept], types[kept]
    return hu, centres, types


def _files(chosen: argparse.Namespace) -> list[Path]:
    """All files of patches that there are now."""
    folders = [chosen.patches] if chosen.hard is None else [chosen.patches, chosen.hard]
    return [path for folder in folders for path in _patch_files(folder)]


def _patch_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("patches-[0-9]*.npz"))


def _parts(chosen: argparse.Namespace) -> list[tuple[Patches, float]]:
    """Patches and their share of each batch."""
    usual = load_patches(chosen.patches, chosen.without)
    if chosen.hard is None or not _patch_files(chosen.hard):
        return [(usual, 1.0)]
    return [(usual, 1 - 1 / HARD), (load_patches(chosen.hard), 1 / HARD)]


def _rate(step: int, steps: int) -> float:
    """Share of the highest rate: 30 steps of warming up, then half of a cosine."""
    return min(1.0, (step + 1) / 30) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))


def _vigour(progress: float) -> float:
    """Of the augmentation: gentle first."""
    return min(0.95, 0.6 + progress)


def _scores(logits: torch.Tensor, target: torch.Tensor) -> tuple[float, float]:
    """Mean highest score at breaks, and in samples without one: how far they are apart."""
    score = torch.sigmoid(logits)
    broken = target.amax((1, 2, 3, 4)) > CORE
    at_break = (score * (target > CORE)).amax((1, 2, 3, 4))[broken].mean()
    return float(at_break), float(score.amax((1, 2, 3, 4))[~broken].mean())


def _batch(
    parts: list[tuple[Patches, float]], cut: Cut, rng: np.random.Generator, vigour: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    samples, types = [], []
    for (hu, centres, kinds), share in parts:
        chosen = rng.integers(len(hu), size=round(share * cut.batch))
        samples += [training_sample(hu[n], centres[n], rng, vigour, cut) for n in chosen]
        types += [int(kinds[n]) for n in chosen]
    cubes, targets = zip(*samples, strict=True)
    return torch.stack(cubes), torch.stack(targets), torch.tensor(types)


if __name__ == "__main__":
    main()
