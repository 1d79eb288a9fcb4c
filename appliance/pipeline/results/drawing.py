"""Putting views, marks and words on one dark canvas: the few primitives that the pictures need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from appliance.alerts.fonts import font_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour = tuple[int, int, int]

BACKGROUND: Final[Colour] = (12, 14, 18)
PANEL: Final[Colour] = (0, 0, 0)
TEXT: Final[Colour] = (236, 238, 240)
FAINT: Final[Colour] = (150, 158, 168)
URGENT: Final[Colour] = (255, 176, 0)
OTHER: Final[Colour] = (86, 180, 233)


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on the canvas, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column beyond it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row beyond it."""
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Placed:
    """A view as it lies on the canvas: where, and how its own pixels map there."""

    area: Area
    scale_x: float
    scale_y: float
    origin_x: float = 0.0
    origin_y: float = 0.0

    def point(self, x: float, y: float) -> tuple[float, float]:
        """The canvas position of a point of the view (pixel edges: the view's corner is 0, 0)."""
        return (
            self.area.left + (x - self.origin_x) * self.scale_x,
            self.area.top + (y - self.origin_y) * self.scale_y,
        )


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    file = font_file()
    return ImageFont.truetype(str(file.path), size, index=file.face)


class Canvas:
    """One RGB picture under construction."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width, height), BACKGROUND)
        self._draw = ImageDraw.Draw(self._image)

    def pixels(self) -> NDArray[np.uint8]:
        """The finished picture, RGB, shape (rows, columns, 3)."""
        return np.asarray(self._image, dtype=np.uint8)

    def view(
        self,
        pixels: NDArray[np.uint8],
        aspect: float,
        area: Area,
        crop: tuple[float, float, float, float] | None = None,
    ) -> Placed:
        """Fit a grey view (rows, columns) into the area, centred, and say how it lies there.

        aspect: height over width of one of its pixels.
        crop: (left, top, right, bottom) in the view's pixels; beyond the view it is black.
        """
        left, top, right, bottom = crop or (
            0.0,
            0.0,
            float(pixels.shape[1]),
            float(pixels.shape[0]),
        )
        across, down = right - left, (bottom - top) * aspect
        scale = min(area.width / across, area.height / down)
        width, height = max(1, round(across * scale)), max(1, round(down * scale))
        lies = Area(
            area.left + (area.width - width) // 2,
            area.top + (area.height - height) // 2,
            width,
            height,
        )
        self._draw.rectangle((area.left, area.top, area.right - 1, area.bottom - 1), fill=PANEL)
        shown = Image.fromarray(np.ascontiguousarray(pixels)).transform(
            (width, height),
            Image.Transform.EXTENT,
            (left, top, right, bottom),
            resample=Image.Resampling.BICUBIC,
        )
        self._image.paste(shown, (lies.left, lies.top))
        return Placed(lies, width / across, height / (bottom - top), left, top)

    def corners(self, box: tuple[float, float, float, float], colour: Colour, width: int) -> None:
        """Mark a box (left, top, right, bottom) by its corners; nothing in it is covered."""
        left, top, right, bottom = box
        arm = max(8.0, 0.28 * min(right - left, bottom - top))
        for x, inward_x in ((left, arm), (right, -arm)):
            for y, inward_y in ((top, arm), (bottom, -arm)):
                self._draw.line((x, y, x + inward_x, y), fill=colour, width=width)
                self._draw.line((x, y, x, y + inward_y), fill=colour, width=width)

    def level(self, placed: Placed, y: float, colour: Colour) -> None:
        """A line across the view at this row, interrupted in the middle of its height."""
        _, at = placed.point(0.0, y)
        for left, right in (
            (placed.area.left, placed.area.left + 26),
            (placed.area.right - 26, placed.area.right),
        ):
            self._draw.line((left, at, right, at), fill=colour, width=2)

    def pointer(self, at: tuple[float, float], colour: Colour, distance: float) -> None:
        """Four ticks that point at a place from outside it."""
        x, y = at
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            near, far = distance, distance + 22.0
            self._draw.line(
                (x + dx * near, y + dy * near, x + dx * far, y + dy * far), fill=colour, width=3
            )

    def letters(self, area: Area, letters: tuple[str, str, str, str]) -> None:
        """Orientation letters at the (left, right, top, bottom) edges of a view."""
        left, right, top, bottom = letters
        size = 26
        middle_x, middle_y = area.left + area.width / 2, area.top + area.height / 2
        self.text((area.left + 8, middle_y), left, size, anchor="lm")
        self.text((area.right - 8, middle_y), right, size, anchor="rm")
        self.text((middle_x, area.top + 6), top, size, anchor="mt")
        self.text((middle_x, area.bottom - 8), bottom, size, anchor="mb")

    def text(
        self,
        at: tuple[float, float],
        words: str,
        size: int,
        /,
        colour: Colour = TEXT,
        anchor: str = "lt",
    ) -> None:
        """Words with a dark rim, legible on any grey."""
        self._draw.text(
            at,
            words,
            font=_font(size),
            fill=colour,
            anchor=anchor,
            stroke_width=max(1, size // 14),
            stroke_fill=(0, 0, 0),
        )

    def fitting_text(self, area: Area, words: str, size: int, colour: Colour = TEXT) -> None:
        """One line in the area, made smaller, then shortened, until it fits."""
        chosen = size
        while chosen > 15 and _font(chosen).getlength(words) > area.width:  # noqa: PLR2004 - px
            chosen -= 1
        while len(words) > 1 and _font(chosen).getlength(words) > area.width:
            words = words.rstrip("…")[:-1] + "…"
        self.text((area.left, area.top), words, chosen, colour)


def grey(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """Values between low and high as 0 to 255."""
    scaled = (values.astype(np.float32) - low) * (255.0 / (high - low))
    return np.asarray(np.clip(scaled, 0.0, 255.0), dtype=np.uint8)
