"""Teach a small network of its own to tell trunks from limbs at a glance, and join it to the pack.

    python -m models.training.dr.trunk train --data DATA --work FOLDER
    python -m models.training.dr.trunk join --work FOLDER --network IN.onnx --target OUT.onnx
    python -m models.training.dr.trunk join --earlier PACK.onnx --network IN.onnx --target OUT.onnx

It sees the film reduced to 56 px, so that nothing but anatomy is left of what tells simulated
films from real ones. `join` puts it into the pack's network, in floating point, where it lowers
the channel that says how much a film is of the kind that is known: the lesser of both counts.
With `--earlier` it is that of an earlier version of the pack, bit for bit.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import compose, helper
from torch import Tensor, nn
from torch.nn import functional

from models.training.dr import trunk_examples

STEPS, BATCH, RATE, SEED = 500, 64, 4e-3, 0
FILM = 448
"""Side of the square from which it is reduced; a larger or smaller one is first brought to it."""
INSIDE = FILM // trunk_examples.SIDE
_WIDE = 15
_LESSER, _BROUGHT, _SIZES = _OF_JOINING = "trunk/lesser", "trunk/brought", "trunk/sizes"
"""Nodes that belong to no network of trunks, but to the way in which it is joined."""
_OFFSET = -0.44
"""Added to the logit when joined, so that one threshold serves both; chosen on films of train."""


class TrunkNetwork(nn.Module):
    """(n, 1, 56, 56) → logit (n,) that this is a limb: grey values and local contrast."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _layer(2, 16, 1), _layer(16, 32, 2), _layer(32, 32, 1),
            _layer(32, 64, 2), _layer(64, 64, 1), _layer(64, 96, 2),
        )  # fmt: skip
        self.dropout = nn.Dropout(0.2)
        self.last = nn.Linear(192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Standardized as a whole, and by the neighbourhood of each pixel."""
        apart = x - _blurred(x)
        spread = torch.sqrt(_blurred(apart * apart) + 1e-3)
        middle = x.mean((2, 3), keepdim=True)
        whole = torch.sqrt(((x - middle) ** 2).sum((2, 3), keepdim=True) / (x[0, 0].numel() - 1))
        seen = self.layers(torch.cat([(x - middle) / (whole + 0.05), apart / spread], dim=1))
        pooled = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], dim=1)
        return self.last(self.dropout(pooled))[:, 0]


class OfFilm(nn.Module):
    """As it is joined: the film's square (1, 1, FILM, FILM) → chance of a limb (1, 1, 1, 1)."""

    def __init__(self, network: TrunkNetwork, offset: float) -> None:
        super().__init__()
        self.network, self.offset = network, offset

    def forward(self, film: Tensor) -> Tensor:
        """Reduced by averaging."""
        logit = self.network(functional.avg_pool2d(film, INSIDE)) + self.offset
        return torch.sigmoid(logit)[:, None, None, None]


def _blurred(x: Tensor) -> Tensor:
    edge = _WIDE // 2
    return functional.avg_pool2d(functional.pad(x, (edge,) * 4, mode="replicate"), _WIDE, 1)


def _layer(inside: int, outside: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()
    )


def train(data: Path, work: Path) -> None:
    """Write `trunk.pt`, and print what it says of all that it was not shown."""
    examples = trunk_examples.gather(data)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    network = TrunkNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.02)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS)
    wanted = torch.tensor([0.99] * (BATCH // 2) + [0.01] * (BATCH // 2))
    for step in range(STEPS):
        squares = [trunk_examples.limb(examples, rng) for _ in range(BATCH // 2)]
        squares += [trunk_examples.trunk(examples, rng) for _ in range(BATCH // 2)]
        said = network(torch.from_numpy(np.stack(squares))[:, None])
        loss = functional.binary_cross_entropy_with_logits(said, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()
        if step % 50 == 49:
            print(step + 1, round(loss.item(), 3), flush=True)
    torch.save(network.state_dict(), work / "trunk.pt")
    network.eval()
    for name, films in (*examples.limbs.items(), *examples.apart.items()):
        print(name, len(films), np.quantile(chances(network, films), (0, 0.01, 0.05, 0.5, 1)))


@torch.no_grad()
def chances(network: TrunkNetwork, films: list[trunk_examples.Pixels]) -> np.ndarray:
    """Mean over the four mirrored readings, as the box takes it."""
    squares = torch.from_numpy(np.stack([trunk_examples.fitted(film) for film in films]))[:, None]
    ways = [squares, squares.flip(3), squares.flip(2), squares.flip(2, 3)]
    return torch.stack([torch.sigmoid(network(way)) for way in ways]).mean(0).numpy()


def of_work(work: Path, offset: float) -> onnx.GraphProto:
    """What was trained, as a graph from `film` to `limb`, all of it named `trunk/…`."""
    network = TrunkNetwork()
    network.load_state_dict(torch.load(work / "trunk.pt"))
    buffer = io.BytesIO()
    torch.onnx.export(
        OfFilm(network, offset).eval(),
        (torch.zeros(1, 1, FILM, FILM),),
        buffer,
        input_names=["film"],
        output_names=["limb"],
        opset_version=17,
        dynamo=False,
    )
    named = compose.add_prefix(onnx.load_from_string(buffer.getvalue()), "trunk/")
    _renamed(named.graph.node, "trunk/film", "film")
    return named.graph


def of_pack(network: Path) -> onnx.GraphProto:
    """The same, out of a pack's network in which it was joined."""
    whole = onnx.load(network).graph
    small = onnx.GraphProto()
    small.node.extend(
        node
        for node in whole.node
        if node.name.startswith("trunk/") and node.name not in _OF_JOINING
    )
    _renamed(small.node, _BROUGHT, "film")
    small.initializer.extend(each for each in whole.initializer if each.name.startswith("trunk/"))
    if not small.node:
        raise ValueError(f"no network of trunks in {network.name}")
    return small


def join(small: onnx.GraphProto, source: Path, target: Path) -> None:
    """The pack's network with the known channel as the lesser of what both say."""
    whole = onnx.load(source)
    side = whole.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    nodes = [*_brought_to(FILM, small.node), *small.node] if side != FILM else [*small.node]
    concat = next(node for node in whole.graph.node if "answer" in node.output)
    known = concat.input[2]
    concat.input[2] = "known_or_trunk"
    place = list(whole.graph.node).index(concat)
    lesser = helper.make_node("Min", [known, "trunk/limb"], ["known_or_trunk"], _LESSER)
    for n, node in enumerate((*nodes, lesser)):
        whole.graph.node.insert(place + n, node)
    whole.graph.initializer.extend(small.initializer)
    onnx.checker.check_model(whole, full_check=True)
    onnx.save(whole, target)


def _brought_to(side: int, nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """What brings a film of another side to the one that these nodes then read."""
    _renamed(nodes, "film", _BROUGHT)
    sizes = helper.make_tensor(_SIZES, onnx.TensorProto.INT64, [4], [1, 1, side, side])
    return [
        helper.make_node("Constant", [], [_SIZES], _SIZES, value=sizes),
        helper.make_node(
            "Resize", ["film", "", "", _SIZES], [_BROUGHT], _BROUGHT,
            mode="linear", coordinate_transformation_mode="half_pixel",
        ),
    ]  # fmt: skip


def _renamed(nodes: Sequence[onnx.NodeProto], old: str, new: str) -> None:
    """Let the nodes read `new` where they read `old`."""
    for node in nodes:
        for n, name in enumerate(node.input):
            node.input[n] = new if name == old else name


def main() -> None:
    """Train or join."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = options.add_subparsers(dest="what", required=True)
    training = what.add_parser("train")
    training.add_argument("--data", type=Path, required=True)
    training.add_argument("--work", type=Path, required=True)
    joining = what.add_parser("join")
    source = joining.add_mutually_exclusive_group(required=True)
    source.add_argument("--work", type=Path, help="where `train` wrote trunk.pt")
    source.add_argument("--earlier", type=Path, help="a pack's network in which it was joined")
    joining.add_argument("--network", type=Path, required=True)
    joining.add_argument("--target", type=Path, required=True)
    given = options.parse_args()
    if given.what == "train":
        train(given.data, given.work)
    else:
        small = of_pack(given.earlier) if given.earlier else of_work(given.work, _OFFSET)
        join(small, given.network, given.target)


if __name__ == "__main__":
    main()
