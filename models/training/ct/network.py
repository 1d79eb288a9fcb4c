"""The network: a small 3D U-Net from a cube of HU to a heatmap of fractures in cells of 2 mm.

A second head says of each cell which type a fracture there would be.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from appliance.domain import FractureType

WIDTHS = (12, 24, 48, 96)
"""Channels at full, half, quarter and eighth resolution: 0.65 M parameters."""

CORE = 0.6
"""Of the target, from which a cell counts as the break."""
POSITIVE_WEIGHT = 0.3
TYPES = (FractureType.DISPLACED, FractureType.NON_DISPLACED, FractureType.BUCKLE)
"""That the second head tells apart, in the order of its channels."""
TYPE_OF = {str(each): number for number, each in enumerate(TYPES)} | {
    # Each of its two breaks is displaced; that they belong together is more than a cell can know.
    str(FractureType.SEGMENTAL): TYPES.index(FractureType.DISPLACED)
}
TYPE_WEIGHT = 0.3
"""Of the loss of types beside the loss of the heatmap."""


class FractureNet(nn.Module):
    """(n, 1, e, e, e), normalised HU → two logits; e is divisible by 8.

    Of a fracture (n, 1, e/2, e/2, e/2), and of its type (n, 3, e/2, e/2, e/2).

    The stem works at full resolution: a gap of one voxel is lost where voxels are only folded.
    """

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        full, half, quarter, eighth = widths
        self.stem = _convolution(1, full)
        self.to_half = nn.Sequential(_convolution(full, half, stride=2), _convolution(half, half))
        self.to_quarter = nn.Sequential(
            _convolution(half, quarter, stride=2), _convolution(quarter, quarter)
        )
        self.to_eighth = nn.Sequential(
            _convolution(quarter, eighth, stride=2), _convolution(eighth, eighth)
        )
        self.up_to_quarter = _convolution(eighth, quarter, size=1)
        self.mix_quarter = _convolution(quarter, quarter)
        self.up_to_half = _convolution(quarter, half, size=1)
        self.mix_half = _convolution(half, half)
        self.head = nn.Conv3d(half, 1, 1)
        self.types = TypeHead(half, quarter)
        with torch.no_grad():
            # Most cells hold no fracture: begin with a low probability, as the focal loss expects.
            self.head.weight.mul_(0.1)
            if self.head.bias is not None:
                self.head.bias.fill_(-4.0)

    def forward(self, cubes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits: `torch.sigmoid` of the first are scores, `softmax` of the second types."""
        half, quarter = self.features(cubes)
        return torch.as_tensor(self.head(half)), torch.as_tensor(self.types(half, quarter))

    def features(self, cubes: Tensor) -> tuple[Tensor, Tensor]:
        """What both heads look at: at half the resolution, and at a quarter with more round it."""
        half = self.to_half(self.stem(cubes))
        quarter = self.to_quarter(half)
        quarter = self.mix_quarter(quarter + _twice(self.up_to_quarter(self.to_eighth(quarter))))
        return self.mix_half(half + _twice(self.up_to_half(quarter))), quarter


class TypeHead(nn.Module):
    """Logits of the types, cell by cell."""

    def __init__(self, half: int, quarter: int, hidden: int = 32) -> None:
        super().__init__()
        self.of_half = nn.Conv3d(half, hidden, 1)
        self.of_quarter = nn.Conv3d(quarter, hidden, 1)
        self.out = nn.Conv3d(hidden, len(TYPES), 1)

    def forward(self, half: Tensor, quarter: Tensor) -> Tensor:
        """(n, c, e, e, e) and (n, d, e/2, e/2, e/2) → (n, 3, e, e, e)."""
        both = self.of_half(half) + _twice(self.of_quarter(quarter))
        return torch.as_tensor(self.out(torch.relu(both)))


class Scores(nn.Module):
    """What is exported: scores and shares of types, in [0, 1], in one array."""

    def __init__(self, network: FractureNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, cubes: Tensor) -> Tensor:
        """(n, 1, e, e, e) → (n, 4, e/2, e/2, e/2): the score, then each type's probability."""
        fracture, types = self.network(cubes)
        return torch.cat((torch.sigmoid(fracture), torch.softmax(types, dim=1)), dim=1)


def heatmap_loss(logits: Tensor, target: Tensor) -> Tensor:
    """A focal loss on a heatmap (after Zhou et al., "Objects as Points", eq. 1).

    Not the one nearest cell is asked for, as there, but all within a standard deviation: where a
    break is cannot be told to 2 mm, and one cell in thousands teaches too slowly.

    target: Gaussians with 1 at the cell of each break. shape of logits
    """
    logits = logits.float()
    score = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    core = target > CORE
    found = -target * (1 - score) ** 2 * torch.log(score) * core
    empty = -((1 - target) ** 4) * score**2 * torch.log(1 - score) * ~core
    return (POSITIVE_WEIGHT * found.sum() + empty.sum()) / (POSITIVE_WEIGHT * core.sum() + 1)


def type_loss(logits: Tensor, target: Tensor, types: Tensor) -> Tensor:
    """Cross entropy of the types at the cells of breaks.

    logits: (n, 3, e, e, e). target: the heatmap (n, 1, e, e, e). types: (n,), -1 for none
    """
    core = (target[:, 0] > CORE) & (types >= 0)[:, None, None, None]
    wanted = torch.where(core, types[:, None, None, None], -1)
    total = functional.cross_entropy(logits.float(), wanted, ignore_index=-1, reduction="sum")
    return total / (core.sum() + 1)


def _twice(coarse: Tensor) -> Tensor:
    return functional.interpolate(coarse, scale_factor=2.0, mode="nearest")


def _convolution(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(before, after, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm3d(after),
        nn.ReLU(inplace=True),
    )
