"""Ribs where they leave the spine: one short piece of each, on planes beside the spinal canal.

On a plane 30 to 70 mm to the side of the canal, every rib is cut once behind the lung, and nearly
nothing else is: transverse processes end before it, the scapula begins beyond it. Bright spots of
a rib's size are followed from plane to plane.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.inference.anatomy.coarse import Coarse
from appliance.inference.anatomy.spinal_canal import STATION_MM, SpinalCanal

PLANES_MM = np.arange(30.0, 72.0, 2.0)
DEPTHS_MM = np.arange(-70.0, 70.0, 2.0)
"""Across the canal, towards the back."""
CLIPPED_HU = (-100.0, 700.0)
FINE_MM, BROAD_MM = 3.0, 9.0
"""A spot is what a narrow Gaussian sees and a wide one does not."""
SPOT_FROM_HU = 50.0
REACH_ALONG_MM, REACH_DEEP_MM = 9.0, 8.0
"""How far a spot may lie from where its track leads to, on the next plane."""
SLOPE_OVER = 3
"""Spots from which a track's direction is taken."""
MOST_MISSED = 1
BEGINS_WITHIN_MM = 44.0
SHORTEST_MM = 12.0
SEED_MM = 12.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of bone followed over neighbouring planes, from the spine outwards.

    aside_mm, along_mm, deep_mm: for each spot, distance of its plane from the canal, place along
        the canal from its lower end, and depth towards the back. shape (n,)
    """

    aside_mm: NDArray[np.float64]
    along_mm: NDArray[np.float64]
    deep_mm: NDArray[np.float64]

    @property
    def span_mm(self) -> float:
        """From the first plane to the last."""
        return float(self.aside_mm[-1] - self.aside_mm[0])

    def at(self, aside_mm: float) -> tuple[float, float]:
        """(along, deep) at that distance from the canal; beyond the ends, that of the end."""
        return (
            float(np.interp(aside_mm, self.aside_mm, self.along_mm)),
            float(np.interp(aside_mm, self.aside_mm, self.deep_mm)),
        )


@dataclass(slots=True)
class _Track:
    planes: list[int] = field(default_factory=list)
    spots: list[tuple[float, float]] = field(default_factory=list)

    def expected(self, plane: int) -> NDArray[np.float64]:
        last = np.array(self.spots[-1])
        if len(self.planes) < SLOPE_OVER:
            return last
        slope = (last - self.spots[-SLOPE_OVER]) / (self.planes[-1] - self.planes[-SLOPE_OVER])
        return np.asarray(last + slope / 2 * (plane - self.planes[-1]))


def pieces(coarse: Coarse, canal: SpinalCanal, towards: int) -> tuple[Piece, ...]:
    """Pieces of bone beside the canal, to the patient's left (`towards` = 1) or right (-1)."""
    tracks: list[_Track] = []
    for plane, image in enumerate(_planes(coarse, canal, towards)):
        _follow(tracks, plane, _spots(image))
    found = (_piece(track) for track in tracks)
    return tuple(
        piece
        for piece in found
        if piece.span_mm >= SHORTEST_MM and piece.aside_mm[0] <= BEGINS_WITHIN_MM
    )


def places_mm(canal: SpinalCanal, towards: int, piece: Piece) -> NDArray[np.float64]:
    """The piece's spots in mm along the coarse array's axes, shape (n, 3)."""
    station = np.rint(piece.along_mm / STATION_MM).astype(int)
    station = np.clip(station, 0, len(canal.back) - 1)
    places = canal.points_mm[station] + piece.deep_mm[:, None] * canal.back[station]
    places[:, 2] += towards * piece.aside_mm
    return np.asarray(places)


def is_inner(piece: Piece) -> NDArray[np.bool_]:
    """Which spots are surely of this rib: further out the first turns away, and another goes on."""
    return np.asarray(piece.aside_mm <= piece.aside_mm[0] + SEED_MM)


def _planes(coarse: Coarse, canal: SpinalCanal, towards: int) -> NDArray[np.float32]:
    """HU at (plane, along, depth)."""
    sheet = canal.points_mm[:, None] + DEPTHS_MM[:, None] * canal.back[:, None]
    places = np.repeat(sheet[None], len(PLANES_MM), axis=0)
    places[..., 2] += towards * PLANES_MM[:, None, None]
    index = np.moveaxis(places / coarse.spacing_mm, -1, 0)
    return np.asarray(ndimage.map_coordinates(coarse.hu, index, order=1, cval=-1000.0))


def _spots(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bright spots as (along, deep) in mm, shape (n, 2)."""
    clipped = np.clip(image, *CLIPPED_HU)
    fine, broad = (ndimage.gaussian_filter(clipped, mm / STATION_MM) for mm in (FINE_MM, BROAD_MM))
    contrast = fine - broad
    peaks = (contrast == ndimage.maximum_filter(contrast, 5)) & (contrast > SPOT_FROM_HU)
    return np.argwhere(peaks) * STATION_MM + (0.0, DEPTHS_MM[0])


def _follow(tracks: list[_Track], plane: int, spots: NDArray[np.float64]) -> None:
    """Give each spot to the track that leads to it best, or begin a new one."""
    offers = []
    for number, track in enumerate(tracks):
        if plane - track.planes[-1] > MOST_MISSED + 1:
            continue
        off = np.abs(spots - track.expected(plane))
        near = (off[:, 0] < REACH_ALONG_MM) & (off[:, 1] < REACH_DEEP_MM)
        offers += [(float(np.hypot(*off[spot])), number, int(spot)) for spot in near.nonzero()[0]]
    taken: set[int] = set()
    grown: set[int] = set()
    for _, number, spot in sorted(offers):
        if number not in grown and spot not in taken:
            tracks[number].planes.append(plane)
            tracks[number].spots.append((float(spots[spot, 0]), float(spots[spot, 1])))
            grown.add(number)
            taken.add(spot)
    for spot, place in enumerate(spots):
        if spot not in taken:
            tracks.append(_Track([plane], [(float(place[0]), float(place[1]))]))


def _piece(track: _Track) -> Piece:
    along, deep = np.array(track.spots).T
    return Piece(PLANES_MM[track.planes], along, deep)
