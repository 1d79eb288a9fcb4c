"""The mean of the weights of several runs that began alike (arXiv 2203.05482).

    python -m models.training.dr.mean OUT.pt FIRST.pt SECOND.pt ...

Meant to do what asking all of them would, at the price of one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor


def mean(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Of each weight; counts of batches are taken from the first."""
    first = states[0]
    return {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }


def main() -> None:
    """Read the arguments and write the mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    given = parser.parse_args()
    torch.save(mean([torch.load(each) for each in given.weights]), given.target)


if __name__ == "__main__":
    main()
