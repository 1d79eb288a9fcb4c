"""Teach the network to tell films of the kind that it learnt from, from any other picture.

    python -m models.training.dr.known --data DATA --weights FILE.pt --side 448 --work FOLDER

A logistic regression over the means of the backbone's last features: films of the collection's
`train` against `others`. Writes `known.pt`; prints how the fold fares. Few kinds of pictures
stand for all that is no limb, so this catches the plain mistakes and no more; the tags come first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from appliance.inference.steps.film_input import letterbox
from models.training.dr import augmentation, films, others
from models.training.dr.network import FEATURES, FilmNetwork

_FILMS = 400
_SEED = 23
_PENALTY = 20.0
Features = NDArray[np.float64]


def fit(films_of_limbs: Features, other: Features) -> torch.nn.Linear:
    """Both kinds weigh alike; ridge penalty on standardized features; Newton's method."""
    design = np.concatenate([films_of_limbs, other])
    middle, spread = design.mean(axis=0), design.std(axis=0) + 1e-6
    design = np.column_stack([(design - middle) / spread, np.ones(len(design))])
    wanted = np.repeat([1.0, 0.0], [len(films_of_limbs), len(other)])
    weigh = np.repeat(
        [0.5 / len(films_of_limbs), 0.5 / len(other)], [*map(len, (films_of_limbs, other))]
    )
    weigh *= len(design)
    ridge = _PENALTY * np.eye(design.shape[1])
    ridge[-1, -1] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (weigh * (wanted - chance)) - ridge @ weights
        bend = design.T @ (design * (weigh * chance * (1 - chance))[:, None]) + ridge
        weights += np.linalg.solve(bend, slope)
    head = torch.nn.Linear(FEATURES, 1)
    with torch.no_grad():
        head.weight[0] = torch.from_numpy(weights[:-1] / spread)
        head.bias[0] = float(weights[-1] - np.sum(weights[:-1] * middle / spread))
    return head


@torch.no_grad()
def features(network: FilmNetwork, squares: Iterable[NDArray[np.float32]]) -> Features:
    """(n, FEATURES): what the head is given."""
    told = [network.pooled(torch.from_numpy(square[None, None])) for square in squares]
    return torch.cat(told).double().numpy()


def main() -> None:
    """Fit, write, and tell what share of the fold would be known at several thresholds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="fracatlas/, lidc/ and ct/")
    options.add_argument("--weights", type=Path, required=True)
    options.add_argument("--side", type=int, required=True)
    options.add_argument("--work", type=Path, required=True)
    given = options.parse_args()
    network = FilmNetwork()
    network.load_state_dict(torch.load(given.weights))
    network.eval()
    rng = np.random.default_rng(_SEED)
    collection = films.load(given.data / "fracatlas")
    chosen = [collection.train[n] for n in rng.permutation(len(collection.train))[:_FILMS]]
    plain = (letterbox(film.pixels(), given.side).square for film in chosen)
    varied = (_varied(film, given.side, rng) for film in chosen)
    limbs = features(network, (*plain, *varied))
    head = fit(
        limbs,
        features(network, others.squares(given.data, given.side, np.random.default_rng(_SEED + 1))),
    )
    torch.save(head.state_dict(), given.work / "known.pt")
    fold = features(network, (letterbox(f.pixels(), given.side).square for f in collection.fold))
    with torch.no_grad():
        chances = torch.sigmoid(head(torch.from_numpy(fold).float())).numpy()
    print("fold, least likely first:", np.sort(chances.ravel())[:8].round(3))


def _varied(film: films.LabelledFilm, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return augmentation.example(film.pixels(), np.zeros((0, 4)), side, rng)[0]


if __name__ == "__main__":
    main()
