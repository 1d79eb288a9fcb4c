"""The network: a small 3D U-Net from a cube of HU to a heatmap of fractures in cells of 4 mm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions with batch normalisation (it folds into INT8), and a bypass."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv3d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm3d(channels)
        )

    def forward(self, values: Tensor) -> Tensor:
        """(n, c, d, h, w) → the same shape."""
        return functional.relu(values + self.second(self.first(values)))


class FractureNet(nn.Module):
    """(n, 1, e, e, e), normalised HU → logits (n, 1, e/4, e/4, e/4); e is divisible by 8.

    Full resolution is only folded into channels: convolutions there would cost most of all.
    """

    def __init__(self, widths: tuple[int, int, int] = (24, 48, 80)) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.fold = nn.Conv3d(1, 8, 2, stride=2, bias=False)
        self.fine = nn.Sequential(_convolution(8, fine), _convolution(fine, fine))
        self.middle = nn.Sequential(_convolution(fine, middle, stride=2), Block(middle))
        self.coarse = nn.Sequential(_convolution(middle, coarse, stride=2), Block(coarse))
        self.up = _convolution(coarse, middle, size=1)
        self.mix = Block(middle)
        self.head = nn.Conv3d(middle, 1, 1)
        with torch.no_grad():
            # Each of the eight voxels of a cell becomes a channel, exactly.
            self.fold.weight.copy_(torch.eye(8).reshape(8, 1, 2, 2, 2))
            # Most cells hold no fracture: begin with a low probability, as the focal loss expects.
            self.head.weight.mul_(0.1)
            if self.head.bias is not None:
                self.head.bias.fill_(-4.0)
        self.fold.weight.requires_grad_(requires_grad=False)

    def forward(self, cubes: Tensor) -> Tensor:
        """Logits; `torch.sigmoid` of them are scores."""
        middle = self.middle(self.fine(self.fold(cubes)))
        coarse = self.up(self.coarse(middle))
        wide = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return torch.as_tensor(self.head(self.mix(middle + wide)))


class Scores(nn.Module):
    """What is exported: scores in [0, 1] instead of logits."""

    def __init__(self, network: FractureNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, cubes: Tensor) -> Tensor:
        """(n, 1, e, e, e) → scores (n, 1, e/4, e/4, e/4)."""
        return torch.sigmoid(self.network(cubes))


def heatmap_loss(logits: Tensor, target: Tensor) -> Tensor:
    """CenterNet's focal loss (Zhou et al., "Objects as Points", eq. 1), a sum over breaks.

    target: Gaussians with 1 at the cell of each break. shape of logits
    """
    logits = logits.float()
    score = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    peak = target > 0.99
    found = -((1 - score) ** 2) * torch.log(score) * peak
    empty = -((1 - target) ** 4) * score**2 * torch.log(1 - score) * ~peak
    return (found.sum() + empty.sum()) / peak.sum().clamp(min=1)


def _convolution(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(before, after, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm3d(after),
        nn.ReLU(inplace=True),
    )
