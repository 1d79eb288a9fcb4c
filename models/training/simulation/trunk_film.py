"""Radiographs of the trunk simulated from CT: frontal chests as a ward takes them, and the rest.

Coarse on purpose (3 mm): they teach what a trunk looks like at a glance, not what a film does to
fine lines. Sums of attenuation along parallel rays, with haze for scatter, as the console shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.imaging import Volume

MM = 3.0
_WATER_PER_CM = 0.2
_LUNG_LITRES = 0.5
"""A scan with less air inside the body shows no chest."""
_FRONTAL_DEG = 12.0
_OF_ONE_ANGLE = 5
_LUNG_SHARE = 0.2
"""Air in pieces smaller than this share of the largest is bowel, not lung."""
Pixels = NDArray[np.float32]


class View(StrEnum):
    """What is shown, and from where."""

    CHEST = "chest from the front or the back, both lungs"
    SIDE = "chest from the side"
    PART = "any part of the trunk, from anywhere"


@dataclass(frozen=True, slots=True)
class TrunkFilm:
    """A simulated film, (rows, columns) of 3 mm, brighter = denser, not windowed."""

    pixels: Pixels
    view: View


def films(volume: Volume, number: int, rng: np.random.Generator) -> Iterator[TrunkFilm]:
    """So many films of one scan; chests only where it holds lungs."""
    density, lungs = _body(volume)
    has_lungs = lungs.sum() * MM**3 / 1e6 > _LUNG_LITRES
    for first in range(0, number, _OF_ONE_ANGLE):
        turn = first // _OF_ONE_ANGLE
        view = (View.CHEST, View.CHEST, View.SIDE, View.PART)[turn % 4] if has_lungs else View.PART
        match view:
            case View.CHEST:
                angle = float(rng.normal(0, _FRONTAL_DEG / 2))
            case View.SIDE:
                angle = 90 + float(rng.normal(0, _FRONTAL_DEG / 2))
            case _:
                angle = float(rng.choice([0.0, 90.0, rng.uniform(0, 180)]))
        film, air = _along(density, lungs, angle)
        for _ in range(min(_OF_ONE_ANGLE, number - first)):
            yield TrunkFilm(_shown(_framed(film, air, view, rng), rng), view)


def _body(volume: Volume) -> tuple[Pixels, NDArray[np.bool_]]:
    """Density against water, bone a little more, and air inside the body, on cubes of `MM`."""
    scale = [spacing / MM for spacing in volume.spacing_mm]
    units = ndimage.zoom(np.clip(volume.voxels, -1024, 2000).astype(np.float32), scale, order=1)
    tissue = ndimage.binary_opening(units > -400, iterations=2)
    label, count = ndimage.label(tissue)
    if count:
        sizes = np.bincount(label.ravel())[1:]
        tissue = label == 1 + int(np.argmax(sizes))
    inside = np.stack([ndimage.binary_fill_holes(each) for each in tissue])
    density = np.clip((units + 1000) / 1000, 0, 3.5) * np.where(units > 150, 1.35, 1.0)
    # the table and clothes would be no part of a film
    around = ndimage.binary_dilation(inside, iterations=2)
    lungs = ndimage.binary_erosion(inside, iterations=3) & (units < -500)
    pieces, count = ndimage.label(lungs)
    if count:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        lungs = (sizes > _LUNG_SHARE * sizes.max())[pieces]
    return np.asarray(density * around, dtype=np.float32), np.asarray(lungs)


def _along(
    density: Pixels, lungs: NDArray[np.bool_], angle: float
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Sums from front to back once turned about the long axis; head up."""
    turned = ndimage.rotate(density, angle, axes=(1, 2), reshape=True, order=1)
    air = ndimage.rotate(lungs.astype(np.float32), angle, axes=(1, 2), reshape=True, order=1)
    film = turned.sum(axis=1) * MM / 10 * _WATER_PER_CM
    return film[::-1].astype(np.float32), air.sum(axis=1)[::-1] * MM > 20


def _framed(film: Pixels, air: NDArray[np.bool_], view: View, rng: np.random.Generator) -> Pixels:
    """Cut as collimated: round the lungs, or anywhere; what the scan lacks stays out."""
    rows, columns = (np.flatnonzero((film > 0.05).any(axis=axis)) for axis in (1, 0))
    if view is View.PART or not air.any():
        top, left = (int(rng.uniform(0, 0.5) * n) for n in film.shape)
        height, width = (int(rng.uniform(0.35, 1) * n) for n in film.shape)
        cut = film[top : top + height, left : left + width]
        return cut if min(cut.shape) >= 27 and np.ptp(cut) > 0.3 else film
    down, across = (np.flatnonzero(air.sum(axis=axis) > 5) for axis in (1, 0))
    above, below, aside = (
        rng.uniform(low, high) / MM for low, high in ((20, 70), (5, 80), (8, 70))
    )
    top, bottom = max(down[0] - above, rows[0]), min(down[-1] + below, rows[-1])
    left, right = across[0] - aside, across[-1] + aside * rng.uniform(0.6, 1.4)
    if rng.random() < 0.3:  # the whole width, with the air beside the patient
        left, right = columns[0] - rng.uniform(0, 12), columns[-1] + rng.uniform(0, 12)
    padded = np.pad(film, ((0, 0), (30, 30)))
    left, right = np.clip([left + 30, right + 30], 0, padded.shape[1])
    return padded[int(top) : int(bottom) + 1, int(left) : int(right) + 1]


def _shown(film: NDArray[np.floating], rng: np.random.Generator) -> Pixels:
    """As consoles display it: haze, a curve, sharpened edges, noise, a slope across the field."""
    wide = max(film.shape) / 6
    film = ndimage.zoom(film, rng.uniform(0.93, 1.07, 2), order=1)
    film = film + rng.uniform(0, 0.5) * ndimage.gaussian_filter(film, wide)
    match int(rng.integers(3)):
        case 0:
            film = 1 - np.exp(-film / max(float(film.mean()), 1e-3) * rng.uniform(0.6, 1.6))
        case 1:
            film = np.clip(film / max(float(np.percentile(film, 99)), 1e-3), 0, 1)
            film = film ** rng.uniform(0.5, 1.6)
        case _:  # the dynamic range compressed
            film = film - rng.uniform(0, 0.6) * ndimage.gaussian_filter(film, wide)
    film = (film - film.min()) / max(float(np.ptp(film)), 1e-6)
    film = film + rng.uniform(0, 1) * (film - ndimage.gaussian_filter(film, 3))
    slope = np.linspace(-1, 1, film.shape[1]) * rng.normal(0, 0.05)
    film = film + slope + rng.normal(0, rng.uniform(0, 0.02), film.shape)
    return np.asarray(film, dtype=np.float32)
