"""The ribs of one CT, found and numbered: everything that a mark can be held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.domain import Side
from appliance.imaging import Volume
from appliance.inference.anatomy.coarse import Coarse, coarse_of
from appliance.inference.anatomy.numbering import Beginning, numbered
from appliance.inference.anatomy.posterior_ribs import Piece, is_inner, pieces, places_mm
from appliance.inference.anatomy.rib_row import INNER_MM, is_first_below, is_last_above, row
from appliance.inference.anatomy.spinal_canal import SpinalCanal, find_canal
from appliance.inference.anatomy.territories import Seed, Territories, divide

_TOWARDS = {Side.RIGHT: -1, Side.LEFT: 1}


@dataclass(frozen=True, slots=True)
class Rib:
    """One rib that was found at the spine; `number` is None where it could not be counted.

    spots_mm: its piece beside the spine, mm along the coarse array's axes, shape (n, 3).
    """

    side: Side
    number: int | None
    spots_mm: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cage:
    """What was found in one CT.

    ribs: in the order in which `territories` numbers its seeds. askew: how far the body is turned
    about its long axis, as mm sideways for each mm in front of the canal, to the left above zero.
    top_mm, low_mm: where the uppermost and the lowest rib begin, up from the coarse array's first
    voxel.
    """

    coarse: Coarse
    canal: SpinalCanal
    ribs: tuple[Rib, ...]
    territories: Territories | None
    askew: float
    top_mm: float
    low_mm: float


def find_cage(volume: Volume) -> Cage | None:
    """Find canal and ribs; None where there is no spinal canal to measure from."""
    coarse = coarse_of(volume)
    canal = find_canal(coarse)
    if canal is None:
        return None
    rows: dict[Side, tuple[Piece, ...]] = {}
    beginnings = []
    for side, towards in _TOWARDS.items():
        found = pieces(coarse, canal, towards)
        rows[side] = row(found)
        beginnings.append(_beginnings(rows[side], found))
    ribs, seeds = [], []
    for (side, chain), own, numbers in zip(
        rows.items(), beginnings, numbered(*beginnings), strict=True
    ):
        for level, (piece, start, number) in enumerate(zip(chain, own, numbers, strict=True)):
            spots = places_mm(canal, _TOWARDS[side], piece)
            ribs.append(Rib(side, number, spots))
            seeds.append(Seed(spots[is_inner(piece)], level, start.is_first))
    heights = [float(seed.places_mm[0, 0]) for seed in seeds] or [-np.inf]
    territories = divide(coarse, canal, seeds) if seeds else None
    return Cage(coarse, canal, tuple(ribs), territories, _askew(rows), max(heights), min(heights))


def _beginnings(chain: tuple[Piece, ...], found: tuple[Piece, ...]) -> list[Beginning]:
    is_last = is_last_above(chain, found)
    return [
        Beginning(
            piece.at(INNER_MM)[0],
            is_first=n == 0 and len(chain) > 1 and is_first_below(piece, chain[1]),
            is_last=is_last and n == len(chain) - 1,
        )
        for n, piece in enumerate(chain)
    ]


def _askew(rows: dict[Side, tuple[Piece, ...]]) -> float:
    """From how much further back one side's ribs begin than the other's."""
    deep = {
        side: sum(piece.at(_ASKEW_AT_MM)[1] for piece in chain) / len(chain)
        for side, chain in rows.items()
        if chain
    }
    if deep.keys() != _TOWARDS.keys():
        return 0.0
    return _ASKEW_SHARE * (deep[Side.LEFT] - deep[Side.RIGHT]) / (2 * _ASKEW_AT_MM)


_ASKEW_AT_MM = 50.0
_ASKEW_SHARE = 0.6
"""Spines are turned against their own thorax; as measured on LIDC-IDRI-0087."""
