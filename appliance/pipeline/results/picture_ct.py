"""The picture of a CT finding: its axial slice, an enlargement, and its place in the skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from appliance.domain import VolumeRegion
from appliance.pipeline.results.drawing import OTHER, URGENT, Area, Canvas, Colour, grey
from appliance.pipeline.results.geometry import (
    IndexBox,
    Turn,
    flipped,
    index_box,
    show_axial,
    show_coronal,
    turn_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from appliance.alerts.catalogue import Catalogue
    from appliance.imaging import Volume
    from appliance.pipeline.results.request import Located

_BONE_WINDOW: Final = (-450.0, 1050.0)
_OVERVIEW_WINDOW: Final = (100.0, 1300.0)
_BODY_HU: Final = -300.0
_MARGIN: Final = 0.03
_SMALLEST_BOX_MM: Final = 24.0
_ZOOM_MM: Final = 70.0
_OVERVIEW_BOX_MM: Final = 34.0

AXIAL: Final = Area(20, 76, 860, 700)
OVERVIEW: Final = Area(900, 76, 520, 400)
ZOOM: Final = Area(900, 496, 520, 280)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where one finding is shown: centre and half sizes as (slice, row, column) after turning.

    Positions count from the outer corner of the first voxel.
    """

    number: int
    source_level: int
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    colour: Colour


def draw_skeleton(canvas: Canvas, volume: Volume, area: Area, texts: Catalogue) -> None:
    """Draw the bones of a volume from the front, with nothing marked."""
    slice_mm, _, column_mm = volume.spacing_mm
    view = _skeleton(volume, turn_of(volume))
    left, _, right, _ = _extent(view)
    canvas.view(view, slice_mm / column_mm, area, (left, 0.0, right, float(view.shape[0])))
    canvas.letters(area, ("R", "L", "H", "F"))
    canvas.text((area.left + 10, area.bottom - 10), texts.text("picture.overview"), 20, anchor="lb")


class VolumePictures:
    """The pictures of one volume; what they share is made once."""

    def __init__(self, volume: Volume, items: tuple[tuple[int, Located], ...]) -> None:
        """`items`: every finding of this volume with its number in the list."""
        self._volume = volume
        self._turn = turn_of(volume)
        self._marks = {number: _mark(volume, self._turn, number, item) for number, item in items}
        self._overview = _skeleton(volume, self._turn)

    def draw(self, canvas: Canvas, shown: int, texts: Catalogue) -> None:
        """Draw the finding with the number `shown`, and where the others lie."""
        mark = self._marks[shown]
        axial = show_axial(grey(self._volume.voxels[mark.source_level], *_BONE_WINDOW), self._turn)
        self._draw_axial(canvas, axial, mark, texts)
        self._draw_zoom(canvas, axial, mark, texts)
        self._draw_overview(canvas, mark, texts)

    def _draw_axial(
        self, canvas: Canvas, axial: NDArray[np.uint8], mark: _Mark, texts: Catalogue
    ) -> None:
        _, row_mm, column_mm = self._volume.spacing_mm
        (_, row, column), (_, half_row, half_column) = mark.centre, mark.half
        body = grey(self._volume.voxels[mark.source_level], _BODY_HU, _BODY_HU + 1.0)
        crop = _extent(show_axial(body, self._turn))
        placed = canvas.view(axial, row_mm / column_mm, AXIAL, crop)
        start = placed.point(column - half_column, row - half_row)
        end = placed.point(column + half_column, row + half_row)
        canvas.corners((*start, *end), mark.colour, width=4)
        canvas.letters(AXIAL, ("R", "L", "A", "P"))
        canvas.text((AXIAL.left + 10, AXIAL.top + 8), texts.text("picture.axial"), 24)
        height_mm = self._volume.to_lps(np.array([mark.source_level, 0.0, 0.0]))[2]
        where = texts.text(
            "picture.slice",
            index=mark.source_level + 1,
            count=self._volume.voxels.shape[0],
            z=f"{height_mm:.1f}",
        )
        canvas.text((AXIAL.left + 10, AXIAL.bottom - 10), where, 24, anchor="lb")

    def _draw_zoom(
        self, canvas: Canvas, axial: NDArray[np.uint8], mark: _Mark, texts: Catalogue
    ) -> None:
        _, row_mm, column_mm = self._volume.spacing_mm
        _, row, column = mark.centre
        tall = 0.5 * _ZOOM_MM / row_mm
        wide = 0.5 * _ZOOM_MM * (ZOOM.width / ZOOM.height) / column_mm
        crop = (column - wide, row - tall, column + wide, row + tall)
        placed = canvas.view(axial, row_mm / column_mm, ZOOM, crop)
        canvas.pointer(placed.point(column, row), mark.colour, distance=0.36 * ZOOM.height)
        canvas.text((ZOOM.left + 10, ZOOM.top + 8), texts.text("picture.zoom"), 20)

    def _draw_overview(self, canvas: Canvas, shown: _Mark, texts: Catalogue) -> None:
        slice_mm, _, column_mm = self._volume.spacing_mm
        left, _, right, _ = _extent(self._overview)
        crop = (left, 0.0, right, float(self._overview.shape[0]))
        placed = canvas.view(self._overview, slice_mm / column_mm, OVERVIEW, crop)
        half = 0.5 * _OVERVIEW_BOX_MM * placed.scale_x / column_mm
        for mark in self._marks.values():
            level, _, column = mark.centre
            x, y = placed.point(column, level)
            width = 3 if mark is shown else 1
            canvas.corners((x - half, y - half, x + half, y + half), mark.colour, width)
            canvas.text((x + half + 4, y - half), str(mark.number), 20, mark.colour)
        canvas.level(placed, shown.centre[0], shown.colour)
        canvas.letters(OVERVIEW, ("R", "L", "H", "F"))
        title = texts.text("picture.overview")
        canvas.text((OVERVIEW.left + 10, OVERVIEW.bottom - 10), title, 20, anchor="lb")


def _skeleton(volume: Volume, turn: Turn) -> NDArray[np.uint8]:
    """The densest voxel along each line from front to back: the bones, seen from the front."""
    return show_coronal(grey(volume.voxels.max(axis=1), *_OVERVIEW_WINDOW), turn)


def _extent(view: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of what is not black, with a margin; the whole where all is."""
    rows, columns = view.shape
    down, across = np.flatnonzero(view.any(axis=1)), np.flatnonzero(view.any(axis=0))
    if not down.size:
        return 0.0, 0.0, float(columns), float(rows)
    margin = _MARGIN * max(rows, columns)
    return (
        max(0.0, across[0] - margin),
        max(0.0, down[0] - margin),
        min(float(columns), across[-1] + 1 + margin),
        min(float(rows), down[-1] + 1 + margin),
    )


def _mark(volume: Volume, turn: Turn, number: int, item: Located) -> _Mark:
    region = item.finding.detection.region
    if not isinstance(region, VolumeRegion):
        raise TypeError("a film's region on a volume")
    box: IndexBox = index_box(volume, region)
    half = np.maximum(box.half, 0.5 * _SMALLEST_BOX_MM / np.array(volume.spacing_mm))
    slices, rows, columns = volume.voxels.shape
    level, row, column = (float(value) for value in box.centre)
    return _Mark(
        number=number,
        source_level=round(level),
        centre=(
            flipped(level, slices, flip=turn.head_down) + 0.5,
            flipped(row, rows, flip=turn.posterior_up) + 0.5,
            flipped(column, columns, flip=turn.left_at_left) + 0.5,
        ),
        half=(float(half[0]), float(half[1]), float(half[2])),
        colour=URGENT if item.finding.urgent else OTHER,
    )
