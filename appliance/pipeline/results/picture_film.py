"""The picture of a film's findings: the whole film with every mark, and one enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from appliance.domain import FilmRegion
from appliance.pipeline.results.drawing import OTHER, URGENT, Area, Canvas, grey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from appliance.alerts.catalogue import Catalogue
    from appliance.imaging import Film
    from appliance.pipeline.results.request import Located

FILM: Final = Area(20, 76, 860, 700)
ZOOM: Final = Area(900, 76, 520, 700)
_LONGEST_SIDE: Final = 1600
_MARGIN: Final = 0.35
_SMALLEST_CROP: Final = 0.12


def draw_film(
    canvas: Canvas,
    film: Film,
    items: tuple[tuple[int, Located], ...],
    shown: int,
    texts: Catalogue,
) -> None:
    """Draw the film with all its marks, and the finding with the number `shown` enlarged."""
    pixels = film_view(film)
    rows, columns = film.pixels.shape
    shrink = pixels.shape[1] / columns
    aspect = film.spacing_mm[0] / film.spacing_mm[1] if film.spacing_mm else 1.0

    placed = canvas.view(pixels, aspect, FILM)
    for number, item in items:
        left, top, right, bottom = _edges(item, shrink)
        colour = URGENT if item.finding.urgent else OTHER
        start, end = placed.point(left, top), placed.point(right, bottom)
        canvas.corners((*start, *end), colour, 4 if number == shown else 2)
        canvas.text((end[0] + 6, start[1]), str(number), 24, colour)

    item = dict(items)[shown]
    left, top, right, bottom = _edges(item, shrink)
    smallest = _SMALLEST_CROP * min(rows, columns) * shrink
    tall = max(bottom - top, smallest) * (0.5 + _MARGIN)
    wide = max(right - left, smallest) * (0.5 + _MARGIN)
    tall = max(tall, wide * ZOOM.height / ZOOM.width / aspect)
    wide = tall * aspect * ZOOM.width / ZOOM.height
    x, y = (left + right) / 2, (top + bottom) / 2
    canvas.view(pixels, aspect, ZOOM, (x - wide, y - tall, x + wide, y + tall))
    canvas.text((ZOOM.left + 10, ZOOM.top + 8), texts.text("picture.zoom"), 24)


def film_view(film: Film) -> NDArray[np.uint8]:
    """The film as grey with its darkest and brightest half per cent cut off, at most 1,600 px."""
    step = max(1, max(film.pixels.shape) // _LONGEST_SIDE)
    pixels = film.pixels[::step, ::step]
    low, high = np.percentile(pixels[::4, ::4], (0.5, 99.5))
    return grey(pixels, float(low), float(max(high, low + 1e-3)))


def _edges(item: Located, shrink: float) -> tuple[float, float, float, float]:
    region = item.finding.detection.region
    if not isinstance(region, FilmRegion):
        raise TypeError("a volume's region on a film")
    return (
        region.left * shrink,
        region.top * shrink,
        region.right * shrink,
        region.bottom * shrink,
    )
