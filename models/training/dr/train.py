"""Train the film network: seeded, resumable, in stages that each go on from the last.

    python -m models.training.dr.train --data FRACATLAS --work FOLDER --stage whole
    python -m models.training.dr.train --data FRACATLAS --work FOLDER --stage fine

All but `free` keep the first blocks as ImageNet made them, up to stride 4. A batch holds
fractured films, intact ones, and an intact one in which a shaft was broken. Each example is made
from (seed, step, place in the batch), so a run that was cut goes on as if it had not been. All is
float32: the gradients of depthwise convolutions in bfloat16 take three times as long on a
processor.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from models.training.dr import augmentation, films, targets
from models.training.dr.memory import FilmMemory
from models.training.dr.network import Backbone, FilmNetwork
from models.training.simulation.film import break_shaft, random_break
from models.training.simulation.shafts import find_shaft

_AVERAGE = 0.996
_LIGHT = 0.65
"""So many films are only turned and exposed otherwise; the rest comes from another room."""
_BOX, _WHOLE = 2.0, 0.5
"""Weights of the losses of the boxes and of the whole film beside the focal loss."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One run: how long, how fast, and what a batch holds (the rest is intact films)."""

    steps: int
    rate: float
    side: int
    fractured: int
    broken: int
    after: str = ""
    crop: int = 0
    """Side of the part of each square that is learnt from; 0: all of it."""
    is_free: bool = False
    """The first blocks learn too."""


STAGES = {
    "whole": Stage(steps=800, rate=1.2e-3, side=384, fractured=6, broken=1),
    "fine": Stage(steps=280, rate=6e-4, side=448, fractured=6, broken=1, after="whole"),
    "last": Stage(steps=300, rate=6e-4, side=448, fractured=6, broken=1, after="fine"),
    "near": Stage(400, rate=5e-4, side=608, fractured=6, broken=1, after="earlier", crop=352),
    # the same with another seed: `mean` takes the weights of both
    "beside": Stage(400, rate=5e-4, side=608, fractured=6, broken=1, after="earlier", crop=352),
    "free": Stage(400, 4e-4, side=608, fractured=6, broken=1, after="mean", crop=352, is_free=True),
}
BATCH = 12
SEED = 20261121


class Examples(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """An endless row of (square, target), each a function of its number alone."""

    def __init__(self, collection: films.Collection, stage: Stage, seed: int, first: int) -> None:
        super().__init__()
        self.fractured = [f for f in collection.train if f.fractured and f.boxes]
        self.intact = [f for f in collection.train if not f.fractured]
        # where shafts are: ribs, spine and pubic rami would be taken for shafts too
        self.breakable = [f for f in self.intact if f.part in ("leg", "hand")]
        self.by_part = {
            part: [f for f in self.intact if f.part == part] or self.intact
            for part in {f.part for f in self.fractured}
        }
        self.memory = FilmMemory(collection.train, stage.side)
        self.stage, self.seed, self.first = stage, seed, first

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches follow one another; the order of a pass is a permutation of its own."""
        number = self.first * BATCH
        worker = torch.utils.data.get_worker_info()
        number += worker.id if worker else 0
        hop = worker.num_workers if worker else 1
        while True:
            yield self.example(number)
            number += hop

    def example(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Square (1, side, side) and target (5, side / 8, side / 8)."""
        rng = np.random.default_rng((self.seed, number))
        step, place = divmod(number, BATCH)
        if place < self.stage.fractured:
            film = self._pick(self.fractured, step * self.stage.fractured + place)
        elif place < self.stage.fractured + self.stage.broken:
            return self._simulated(rng)
        elif rng.random() < 0.5:  # the part that a fractured film would show
            like = self.fractured[rng.integers(len(self.fractured))].part
            film = self.by_part[like][rng.integers(len(self.by_part[like]))]
        else:
            film = self.intact[rng.integers(len(self.intact))]
        if rng.random() < _LIGHT:
            square, boxes = augmentation.light(*self.memory.square(film), rng)
        else:
            pixels = self.memory.pixels(film)
            square, boxes = augmentation.example(
                pixels, film.boxes_in(pixels.shape), self.stage.side, rng
            )
        return self._tensors(square, boxes, rng)

    def _simulated(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        film = self.breakable[rng.integers(len(self.breakable))]
        pixels, boxes = _broken(self.memory.pixels(film), rng)
        square, boxes = augmentation.example(pixels, boxes, self.stage.side, rng)
        return self._tensors(square, boxes, rng)

    def _tensors(
        self, square: augmentation.Pixels, boxes: augmentation.Boxes, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.stage.crop:
            square, boxes = augmentation.crop(square, boxes, self.stage.crop, rng)
        target = targets.render(boxes, square.shape[0])
        return torch.from_numpy(square[None]), torch.from_numpy(target)

    def _pick(self, among: list[films.LabelledFilm], turn: int) -> films.LabelledFilm:
        lap, place = divmod(turn, len(among))
        return among[np.random.default_rng((self.seed, lap)).permutation(len(among))[place]]


def _broken(
    pixels: augmentation.Pixels, rng: np.random.Generator
) -> tuple[augmentation.Pixels, augmentation.Boxes]:
    """One or two shafts of an intact film broken; unbroken where no shaft is found."""
    boxes = []
    for _ in range(1 if rng.random() < 0.7 else 2):
        found = find_shaft(pixels, rng)
        if found is None:
            continue
        pixels, region = break_shaft(pixels, random_break(found, rng), int(rng.integers(2**31)))
        boxes.append((region.left, region.top, region.right, region.bottom))
    return pixels, np.array(boxes, dtype=np.float64).reshape(-1, 4)


def main() -> None:
    """Run one stage to its end, from its last checkpoint where there is one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--stage", choices=STAGES, required=True)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    run(given.data, given.work, given.stage)


def run(data: Path, work: Path, name: str) -> None:
    """Train; writes `<stage>.pt` (averaged weights), `<stage>.state.pt` and `<stage>.csv`."""
    stage = STAGES[name]
    seed = SEED + list(STAGES).index(name)
    torch.manual_seed(seed)
    network = FilmNetwork()
    if stage.after:
        network.load_state_dict(torch.load(work / f"{stage.after}.pt"))
    else:
        network.backbone.load_imagenet()
    network = network.to(memory_format=torch.channels_last)
    kept = [] if stage.is_free else network.backbone.kept()
    for part in kept:
        part.requires_grad_(requires_grad=False)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(
        [p for p in network.parameters() if p.requires_grad], lr=stage.rate, weight_decay=0.02
    )
    state = work / f"{name}.state.pt"
    first = 0
    if state.exists():
        saved = torch.load(state)
        network.load_state_dict(saved["network"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["step"]
    examples = Examples(films.load(data), stage, seed, first)
    loader = iter(DataLoader(examples, BATCH, num_workers=1, prefetch_factor=3))
    network.train()
    for part in kept:
        part.eval()
    below = (
        network.backbone.below
        if stage.is_free
        else _compiled(network.backbone, stage.crop or stage.side)
    )
    begun = time.monotonic()
    sums = np.zeros(3)
    for step in range(first, stage.steps):
        for group in optimizer.param_groups:
            group["lr"] = stage.rate * _one_cycle(step / stage.steps)
        squares, wanted = next(loader)
        heat, reach = network.heads(network.backbone.above(below(squares)))
        focal, box, whole = targets.loss(heat, reach, wanted)
        optimizer.zero_grad(set_to_none=True)
        (focal + _BOX * box + _WHOLE * whole).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        _follow(average, network, min(_AVERAGE, (1 + step) / (10 + step)))
        sums += (focal.item(), box.item(), whole.item())
        if (step + 1) % 10 == 0 or step + 1 == stage.steps:
            with (work / f"{name}.csv").open("a") as log:
                took = time.monotonic() - begun
                means = ",".join(f"{mean:.4f}" for mean in sums / 10)
                log.write(f"{step + 1},{means},{took:.0f}\n")
            sums[:] = 0
        if (step + 1) % 30 == 0 or step + 1 == stage.steps:
            _save(state, network, average, optimizer, step + 1)
            torch.save(average.state_dict(), work / f"{name}.pt")


def _compiled(backbone: Backbone, side: int) -> Callable[[Tensor], Tensor]:
    """What keeps its weights, fused by OpenVINO: a fifth of the time, a third of a step."""

    class Below(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return backbone.below(x)

    squares = torch.zeros(BATCH, 1, side, side)
    run = openvino.Core().compile_model(
        openvino.convert_model(Below(), example_input=squares, input=[squares.shape]),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()},
    )

    def below(squares: Tensor) -> Tensor:
        low = torch.from_numpy(np.array(run(squares.numpy())[0]))
        return low.to(memory_format=torch.channels_last)

    return below


def _one_cycle(progress: float) -> float:
    warm = 0.15
    if progress < warm:
        return 0.05 + 0.95 * progress / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


@torch.no_grad()
def _follow(average: FilmNetwork, network: FilmNetwork, keep: float) -> None:
    for held, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if held.dtype.is_floating_point:
            held.lerp_(new, 1 - keep)
        else:
            held.copy_(new)


def _save(
    path: Path,
    network: FilmNetwork,
    average: FilmNetwork,
    optimizer: torch.optim.Optimizer,
    step: int,
) -> None:
    part = path.with_suffix(".part")
    torch.save(
        {
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
        },
        part,
    )
    os.replace(part, path)  # noqa: PTH105 - atomic, unlike a copy


if __name__ == "__main__":
    main()
