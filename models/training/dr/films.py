"""FracAtlas as it was unpacked: which films there are, their boxes, and the folds.

Abedeen et al., Scientific Data 10:521 (2023), CC BY 4.0. `val` is the collection's held-out part;
whatever must be chosen is chosen on `fold`, a block of consecutive films of `train`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BODY_PARTS = ("hand", "leg", "hip", "shoulder", "mixed")
_FOLD_OF = 10
"""One block of consecutive films in ten is kept from training."""
_BLOCK = 40


@dataclass(frozen=True, slots=True)
class LabelledFilm:
    """One radiograph with the experts' boxes (x0, y0, x1, y1), as shares of its sides."""

    path: Path
    part: str
    fractured: bool
    hardware: bool
    boxes: tuple[tuple[float, float, float, float], ...]

    @property
    def number(self) -> int:
        """Of the film in the collection."""
        return int("".join(c for c in self.path.stem if c.isdigit()))

    def pixels(self) -> NDArray[np.float32]:
        """Shape (rows, columns), in [0, 1], brighter = denser."""
        with Image.open(self.path) as image:
            return np.asarray(image.convert("L"), dtype=np.float32) / 255.0

    def boxes_in(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The boxes (n, 4) in pixels of a film of that shape (rows, columns)."""
        rows, columns = shape
        return np.array(self.boxes).reshape(-1, 4) * np.array([columns, rows] * 2)


@dataclass(frozen=True, slots=True)
class Collection:
    """The three disjoint parts."""

    train: tuple[LabelledFilm, ...]
    fold: tuple[LabelledFilm, ...]
    val: tuple[LabelledFilm, ...]


def load(folder: Path) -> Collection:
    """Read `images.csv` and `boxes.csv` of that folder."""
    boxes: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    with (folder / "boxes.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            boxes[row["image"]].append(
                (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
            )
    parts: dict[str, list[LabelledFilm]] = {"train": [], "fold": [], "val": []}
    with (folder / "images.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            film = LabelledFilm(
                path=folder / "images" / row["image"],
                part=next((part for part in BODY_PARTS if row[part] == "1"), "unknown"),
                fractured=row["fractured"] == "1",
                hardware=row["hardware"] == "1",
                boxes=tuple(boxes[row["image"]]),
            )
            kept_back = row["split"] == "train" and (film.number // _BLOCK) % _FOLD_OF == 0
            parts["fold" if kept_back else row["split"]].append(film)
    return Collection(*(tuple(parts[name]) for name in ("train", "fold", "val")))
