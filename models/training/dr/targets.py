"""What the network should say about a film, and how wrong it was."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.training.dr.network import STRIDE

_LEAST_SIGMA = 0.8
_POSITIVE = 0.35
"""Cells whose target is at least this learn the box as well."""


def render(boxes: NDArray[np.float64], side: int) -> NDArray[np.float32]:
    """Boxes (n, 4) in pixels of the square → (5, side / 8, side / 8): heat and ln reaches."""
    cells = side // STRIDE
    at = np.arange(cells) + 0.5
    target = np.zeros((5, cells, cells), dtype=np.float32)
    for x0, y0, x1, y1 in boxes / STRIDE:
        across = _bell(at, (x0 + x1) / 2, (x1 - x0) / 6)
        down = _bell(at, (y0 + y1) / 2, (y1 - y0) / 6)
        heat = down[:, None] * across[None]
        nearest = np.unravel_index(np.argmax(heat), heat.shape)
        heat[nearest] = 1.0
        reach = np.stack(
            np.broadcast_arrays(at[None] - x0, at[:, None] - y0, x1 - at[None], y1 - at[:, None])
        )
        wins = heat > target[0]
        target[0][wins] = heat[wins]
        for channel in range(4):
            target[channel + 1][wins] = np.log(np.maximum(reach[channel][wins], 0.25) / cells)
    return target


def loss(heat: Tensor, reach: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """CenterNet's focal loss on the heat; 1 - IoU on boxes near centres; and of the whole film.

    The last is what its score will be judged by: the strongest cell within a fracture, or of an
    intact film, as the chance that the film is fractured.
    """
    wanted = target[:, :1]
    # a bell's peak is one: exactly those cells are positives
    positive = (wanted >= 1.0).float()
    said = torch.sigmoid(heat).clamp(1e-4, 1 - 1e-4)
    found = -((1 - said) ** 2) * torch.log(said) * positive
    quiet = -((1 - wanted) ** 4) * said**2 * torch.log(1 - said) * (1 - positive)
    focal = (found.sum() + quiet.sum()) / positive.sum().clamp(min=1)
    near = (wanted > _POSITIVE).float() * wanted
    iou = _iou(reach.clamp(-7, 0.5).exp(), target[:, 1:].exp())
    box = ((1 - iou) * near).sum() / near.sum().clamp(min=1)
    smooth = (functional.smooth_l1_loss(reach, target[:, 1:], reduction="none") * near).sum()
    fractured = positive.amax(dim=(1, 2, 3))
    counts = (near > 0) | (fractured[:, None, None, None] == 0)
    strongest = heat.masked_fill(~counts, -1e4).amax(dim=(1, 2, 3))
    whole = functional.binary_cross_entropy_with_logits(strongest, fractured)
    return focal, box + 0.1 * smooth / near.sum().clamp(min=1), whole


def _iou(a: Tensor, b: Tensor) -> Tensor:
    """Reaches from one point (n, 4, h, w) twice → (n, 1, h, w)."""
    both = torch.minimum(a, b)
    shared = (both[:, 0] + both[:, 2]) * (both[:, 1] + both[:, 3])
    whole = (a[:, 0] + a[:, 2]) * (a[:, 1] + a[:, 3]) + (b[:, 0] + b[:, 2]) * (b[:, 1] + b[:, 3])
    return (shared / (whole - shared + 1e-9))[:, None]


def _bell(at: NDArray[np.floating], centre: float, sigma: float) -> NDArray[np.floating]:
    return np.exp(-0.5 * np.square((at - centre) / max(sigma, _LEAST_SIGMA)))
