"""A chest on a film, told by anatomy alone: two lung fields beside a bright middle.

Lungs are the only large parts of a body that are dark and yet enclosed all round by what is
brighter (chest wall, shoulders, diaphragm, mediastinum), and there are two of them, side by side,
of about one size. Air round a limb reaches the rim of the film, or is as black as nothing else.
Learns nothing, so it is a witness apart from the network's own channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.inference.steps.film_input import resize

Pixels = NDArray[np.floating]
Mask = NDArray[np.bool_]
_SIDE: Final = 56
"""Lungs are seen at a glance; ribs and vessels are smoothed away."""
_SMOOTH: Final = 0.7
_DEPTHS: Final = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3)
"""How far below their rim fields lie, as a share of the film's window; the deepest part two."""
_MOST_FIELDS: Final = 4
_LEAST_FIELD: Final = 0.01
_LEAST: Final = 0.015
"""Of the film, the smaller field, less what it lacks of the larger one (as a square root)."""
_ALIKE, _LEVEL_WITH, _BESIDE = 0.45, 0.6, (0.2, 0.7)
_HIGHER, _ASIDE = 0.15, 0.2
_AIR: Final = 0.1
"""Fields as dark as this are air beside a limb: lungs hold blood, and ribs lie before them."""
_BRIGHT: Final = 0.5
"""Where all else is as bright as this, no air is on the film, and the lungs are what is black."""
_RISE: Final = 0.15


@dataclass(frozen=True, slots=True)
class LungFields:
    """Two enclosed dark fields; shares of the film's sides and area, grey values of its window.

    smaller, larger: areas. apart, higher: between their middles, across and down. overlap: of
    their rows, as a share of the lower one's. aside: of the middle between them from the film's.
    level: of the fields' grey. rise: from there to what lies between them. around: of all else.
    """

    smaller: float
    larger: float
    apart: float
    higher: float
    overlap: float
    aside: float
    level: float
    rise: float
    around: float

    @property
    def size(self) -> float:
        """The more, the larger and the more alike."""
        return self.smaller * float(np.sqrt(self.smaller / self.larger))

    @property
    def are_lungs(self) -> bool:
        """Bounds from simulated chests, mirrored half chests and films of limbs; see the card."""
        return (
            self.size >= _LEAST
            and self.smaller >= _ALIKE * self.larger
            and self.overlap > _LEVEL_WITH
            and _BESIDE[0] < self.apart < _BESIDE[1]
            and self.higher < _HIGHER
            and self.aside < _ASIDE
            and (self.level >= _AIR or self.around >= _BRIGHT)
            and self.rise >= _RISE
        )


def shows_chest(shown: Pixels) -> bool:
    """Whether this film shows both lungs.

    shown: (rows, columns) in [0, 1], windowed, without any letterbox.
    """
    return any(fields.are_lungs for fields in lung_fields(shown))


def lung_fields(shown: Pixels) -> Iterator[LungFields]:
    """Every pair of large enclosed dark fields, at every depth."""
    rows, columns = shown.shape
    scale = _SIDE / max(rows, columns)
    height, width = (max(8, round(side * scale)) for side in (rows, columns))
    small = resize(np.asarray(shown, dtype=np.float32), height, width)
    grey = ndimage.gaussian_filter(small, _SMOOTH)
    depth = _filled(grey) - grey
    for least in _DEPTHS:
        pieces, count = ndimage.label(depth > least)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:] / grey.size
        large = [n for n in np.argsort(-sizes)[:_MOST_FIELDS] if sizes[n] > _LEAST_FIELD]
        masks = [np.asarray(pieces == n + 1) for n in large]
        for n, one in enumerate(masks):
            for other in masks[n + 1 :]:
                yield _pair(grey, one, other)


def _filled(grey: Pixels) -> Pixels:
    """Each pixel raised to the lowest rim over which it drains to the border (L. Vincent 1993)."""
    level = np.full_like(grey, grey.max())
    level[[0, -1]], level[:, [0, -1]] = grey[[0, -1]], grey[:, [0, -1]]
    while True:
        lower = np.maximum(ndimage.grey_erosion(level, size=(3, 3), mode="nearest"), grey)
        if np.array_equal(lower, level):
            return level
        level = lower


def _pair(grey: Pixels, one: Mask, other: Mask) -> LungFields:
    rows, columns = grey.shape
    left, right = sorted((one, other), key=lambda mask: float(np.nonzero(mask)[1].mean()))
    (y0, x0), (y1, x1) = (np.mean(np.nonzero(mask), axis=1) for mask in (left, right))
    spans = [np.flatnonzero(mask.any(axis=1)) for mask in (left, right)]
    top, bottom = max(span[0] for span in spans), min(span[-1] for span in spans) + 1
    lowest = min(span[-1] - span[0] + 1 for span in spans)
    both = left | right
    level = float(np.median(grey[both]))
    between = grey[top:bottom, int(x0) : int(x1) + 1]
    smaller, larger = sorted((float(left.mean()), float(right.mean())))
    return LungFields(
        smaller=smaller,
        larger=larger,
        apart=float(x1 - x0) / columns,
        higher=float(abs(y1 - y0)) / rows,
        overlap=float(bottom - top) / float(lowest),
        aside=float(abs((x0 + x1) / 2 / columns - 0.5)),
        level=level,
        rise=float(np.median(between.max(axis=1))) - level if between.size else 0.0,
        around=float(grey[~both].mean()),
    )
