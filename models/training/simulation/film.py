"""Break a long bone on a radiograph: cut its shaft across, move one end, open a dark gap.

Coordinates at a break: `along` the bone's axis and `across` it, in pixels from the site. The part
of the film with positive `along` beyond the fracture line moves as one piece near the bone; the
movement fades to nothing far along the bone and far beside it, so that the film stays whole.
Numpy and scipy only: the demo uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import FilmRegion

Pixels = NDArray[np.float32]

_RIGID = 1.1
"""Half widths beside the axis that move as stiffly as the bone itself."""
_BESIDE = 1.45
"""Half widths beside the axis where soft tissue is sampled to fill the gap."""


@dataclass(frozen=True, slots=True)
class Shaft:
    """A site on a tubular bone: centre, direction of its axis, half its width; pixels, radians.

    `direction` turns from the columns' axis towards the rows' axis.
    """

    column: float
    row: float
    direction: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Break:
    """How a shaft is broken; lengths are in half widths of that bone, angles in radians."""

    shaft: Shaft
    shift: float
    """Sideways step between the ends."""
    angle: float
    """Bend between the ends."""
    slant: float
    """Turn of the fracture line from straight across."""
    gap: float
    """Width of the dark line."""
    reach: float = 10.0
    """Where along the bone the movement has faded."""


def random_break(shaft: Shaft, rng: np.random.Generator) -> Break:
    """From a barely displaced to an off-ended fracture; small shifts are as common as large."""
    sign = rng.choice([-1.0, 1.0])
    return Break(
        shaft=shaft,
        shift=float(sign * rng.choice([rng.uniform(0.15, 0.5), rng.uniform(0.4, 1.5)])),
        angle=float(rng.normal(0, 0.12)),
        slant=float(rng.uniform(-0.9, 0.9)),
        gap=float(rng.uniform(0.08, 0.4)),
        reach=float(rng.uniform(8, 18)),
    )


def break_shaft(pixels: Pixels, what: Break, seed: int) -> tuple[Pixels, FilmRegion]:
    """Return the broken film, same shape, and the box round the fracture.

    pixels: float32, shape (rows, columns), brighter = denser.
    """
    rng = np.random.default_rng(seed)
    shaft = what.shaft
    width = shaft.half_width
    rows, columns = pixels.shape
    row, column = np.mgrid[0:rows, 0:columns].astype(np.float32)
    cos, sin = np.cos(shaft.direction), np.sin(shaft.direction)
    along = (column - shaft.column) * cos + (row - shaft.row) * sin
    across = -(column - shaft.column) * sin + (row - shaft.row) * cos

    line = np.tan(what.slant) * across + _jags(across, width, rng)
    past = along - line
    sideways = what.shift * width * _fade(along, what.reach * width)
    bend = np.tan(what.angle) * np.clip(along, 0, None) * _fade(along, 2 * what.reach * width)
    moved = sideways + bend
    # beside the hull of both ends flesh gives way: the sharp step becomes a slope, then fades
    flesh = np.maximum(np.abs(across - moved / 2) - np.abs(moved) / 2 - _RIGID * width, 0)
    hold = 1 - _smooth(flesh / (2.5 * np.abs(moved) + width))
    slope = 1.5 * flesh + 0.5
    step = moved * hold * _smooth(past / slope * 0.5 + 0.5)
    broken = ndimage.map_coordinates(
        pixels, [row - step * cos, column + step * sin], order=1, mode="nearest"
    )
    broken = _open_gap(broken, what, past, across, rng)
    return broken.astype(np.float32), _region(what, pixels.shape)


def _open_gap(
    film: NDArray[np.float64] | Pixels,
    what: Break,
    past: NDArray[np.floating],
    across: NDArray[np.floating],
    rng: np.random.Generator,
) -> NDArray[np.floating]:
    """Let soft tissue show between the ends."""
    width = what.shaft.half_width
    cos, sin = np.cos(what.shaft.direction), np.sin(what.shaft.direction)
    span = _BESIDE * width + abs(what.shift) * width
    sides = [
        ndimage.map_coordinates(
            ndimage.gaussian_filter(film, 0.4 * width),
            [[what.shaft.row + s * span * cos], [what.shaft.column - s * span * sin]],
            order=1,
            mode="nearest",
        )[0]
        for s in (-1, 1)
    ]
    share = np.clip((across / span + 1) / 2, 0, 1)
    tissue = sides[0] * (1 - share) + sides[1] * share
    opening = what.gap * width * (1 + 0.5 * _noise(across, width, rng)) / 2
    rim = max(0.9, 0.12 * width)
    within_gap = 1 - _smooth((np.abs(past) - opening) / rim + 0.5)
    # only where the two ends face each other; a little flesh stays in front of and behind it
    beside = np.maximum(np.abs(across), np.abs(across - what.shift * width))
    within_bone = 1 - _smooth((beside - 0.9 * width) / (0.25 * width))
    mix = 0.9 * within_gap * within_bone
    # a gap is darker than bone; it never brightens what is already dark
    return np.asarray(film + mix * np.minimum(tissue - film, 0))


def _region(what: Break, shape: tuple[int, int]) -> FilmRegion:
    width = what.shaft.half_width
    lateral = [-width, width, what.shift * width - width, what.shift * width + width]
    points = []
    for across in (min(lateral), max(lateral)):
        for extra in (-0.6 * width, 0.6 * width):
            along = np.tan(what.slant) * np.clip(across, -width, width) + extra
            cos, sin = np.cos(what.shaft.direction), np.sin(what.shaft.direction)
            points.append(
                (
                    what.shaft.column + along * cos - across * sin,
                    what.shaft.row + along * sin + across * cos,
                )
            )
    at = np.array(points) + 0.5
    left, top = np.clip(at.min(axis=0), 0, [shape[1], shape[0]])
    right, bottom = np.clip(at.max(axis=0), 0, [shape[1], shape[0]])
    return FilmRegion(float(left), float(top), float(right), float(bottom))


def _jags(across: NDArray[np.floating], width: float, rng: np.random.Generator) -> Pixels:
    """An uneven line: a few waves whose height falls with their length."""
    return np.asarray(0.1 * width * _noise(across, width, rng), dtype=np.float32)


def _noise(across: NDArray[np.floating], width: float, rng: np.random.Generator) -> Pixels:
    total = np.zeros(across.shape, dtype=np.float32)
    for waves in (0.7, 1.6, 3.7):
        phase = rng.uniform(0, 2 * np.pi)
        total += np.sin(across / width * np.pi * waves + phase).astype(np.float32) / waves**1.3
    return total


def _fade(along: NDArray[np.floating], reach: float) -> NDArray[np.floating]:
    """One near the site, nothing from `reach` on."""
    return 1 - _smooth((np.abs(along) / reach - 0.25) / 0.75)


def _smooth(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Zero up to 0, one from 1 on, level at both ends."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))
