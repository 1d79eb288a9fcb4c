"""One A4 sheet on which things are put from the top down and from the bottom up.

A thin layer over reportlab: it knows the paper, the embedded font and how to break lines in Latin
and Chinese text; it knows nothing about alerts. Lengths are points (1/72 inch).
"""

from __future__ import annotations

import io
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from appliance.alerts.fonts import font_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

MARGIN: Final = 36.0
LEADING: Final = 1.32
_FONT: Final = "osteon"
_JPEG_QUALITY: Final = 88
_BOLD_OUTLINE: Final = 0.03
_MISSING_GLYPH: Final = "□"


@cache
def _font() -> TTFont:
    file = font_file()
    font = TTFont(_FONT, str(file.path), subfontIndex=file.face)
    registerFont(font)
    return font


class Sheet:
    """A page under construction; `top` moves down and `bottom` moves up as it fills."""

    def __init__(self) -> None:
        self._font = _font()
        self._buffer = io.BytesIO()
        # `invariant`: the same content gives the same bytes, without the time of making them.
        self._canvas = Canvas(self._buffer, pagesize=A4, initialFontName=_FONT, invariant=1)
        self.left, self.right = MARGIN, float(A4[0]) - MARGIN
        self.top, self.bottom = float(A4[1]) - MARGIN, MARGIN

    @property
    def width(self) -> float:
        """Between the margins."""
        return self.right - self.left

    def finish(self) -> bytes:
        """The PDF."""
        self._canvas.showPage()
        self._canvas.save()
        return self._buffer.getvalue()

    def measure(self, words: str, size: float) -> float:
        """The width of a line."""
        return float(self._font.stringWidth(words, size))

    def band(self, words: str, size: float) -> None:
        """A black band across the page with white words in it."""
        size = self._fitting(words, size, self.width - 20)
        height = size * 1.7
        self._canvas.setFillGray(0)
        self._canvas.rect(self.left, self.top - height, self.width, height, stroke=0, fill=1)
        self._line(self.left + 10, self.top - height * 0.66, words, size, grey=1.0, bold=True)
        self.top -= height + 8

    def line(  # noqa: PLR0913 - one line of print has this many properties
        self,
        at: tuple[float, float],
        words: str,
        size: float,
        *,
        width: float | None = None,
        bold: bool = False,
        grey: float = 0.0,
    ) -> None:
        """One line at a place (left end of the baseline), made smaller until it fits the width."""
        if width is not None:
            size = self._fitting(words, size, width)
        self._line(at[0], at[1], words, size, grey=grey, bold=bold)

    def paragraph(
        self, words: str, size: float, *, bold: bool = False, most_lines: int = 4, rest: str = ""
    ) -> None:
        """Words from the left margin at the top, broken into lines; the last one is shortened.

        rest: where what was left out is to be found; shorter than a line.
        """
        lines = list(self.broken(words, size, self.width))
        if len(lines) > most_lines:
            end = f"… {rest}".rstrip()
            last = lines[most_lines - 1].rstrip(" .")
            while last and self.measure(last + end, size) > self.width:
                last = last[:-1].rstrip(" .")
            lines = [*lines[: most_lines - 1], last + end]
        for line in lines:
            self.top -= size * LEADING
            self._line(self.left, self.top + size * 0.25, line, size, bold=bold)

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        """An RGB picture as large as the space that is left allows, in the middle."""
        rows, columns = pixels.shape[:2]
        height = self.top - self.bottom - 8
        scale = min(self.width / columns, height / rows)
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "JPEG", quality=_JPEG_QUALITY)
        encoded.seek(0)
        self._canvas.drawImage(
            ImageReader(encoded),
            self.left + (self.width - columns * scale) / 2,
            self.top - rows * scale,
            columns * scale,
            rows * scale,
        )

    def rule(self, at: float, *, heavy: bool = False) -> None:
        """A line across the page."""
        self._canvas.setLineWidth(1.2 if heavy else 0.4)
        self._canvas.setStrokeGray(0)
        self._canvas.line(self.left, at, self.right, at)

    def frame(self, bottom: float, height: float) -> None:
        """A frame across the page."""
        self._canvas.setLineWidth(1.2)
        self._canvas.setStrokeGray(0)
        self._canvas.rect(self.left, bottom, self.width, height, stroke=1, fill=0)

    def broken(self, words: str, size: float, width: float) -> Iterator[str]:
        """Break text into lines: between words, and between any two Chinese characters."""
        line = ""
        for piece in _pieces(words):
            if line and self.measure((line + piece).rstrip(), size) > width:
                yield line.rstrip()
                line = ""
            line += piece if line else piece.lstrip()
        if line:
            yield line.rstrip()

    def _fitting(self, words: str, size: float, width: float) -> float:
        return min(size, size * width / max(1.0, self.measure(words, size)))

    def _line(  # noqa: PLR0913 - see `line`
        self, x: float, y: float, words: str, size: float, *, grey: float = 0.0, bold: bool = False
    ) -> None:
        pen = self._canvas.beginText(x, y)
        pen.setFont(_FONT, size)
        self._canvas.setFillGray(grey)
        self._canvas.setStrokeGray(grey)
        if bold:
            # The font has no bold face: fill the letters and draw their outline.
            pen.setTextRenderMode(2)
            self._canvas.setLineWidth(size * _BOLD_OUTLINE)
        pen.textOut(self._printable(words))
        pen.setTextRenderMode(0)
        self._canvas.drawText(pen)

    def _printable(self, words: str) -> str:
        """A character that the font lacks becomes a visible box: never a silent gap in a name."""
        glyphs = self._font.face.charToGlyph
        return "".join(char if ord(char) in glyphs else _MISSING_GLYPH for char in words)


def _pieces(words: str) -> Iterator[str]:
    piece = ""
    for char in words:
        if unicodedata.east_asian_width(char) in "WF":
            if piece:
                yield piece
            yield char
            piece = ""
        elif char == " ":
            yield piece + char
            piece = ""
        else:
            piece += char
    if piece:
        yield piece
