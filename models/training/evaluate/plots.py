"""The report's plots and sheets of pictures, drawn with Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from appliance.evaluation import CalibrationBin, Froc
from models.training.evaluate.thumbnails import SIDE, Thumbnail

WIDTH, HEIGHT = 720, 480
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 46, 62
SCALE = 2
"""Drawn so much larger and reduced, which smooths the lines."""
INK, GRID, PAPER = (30, 34, 40), (222, 225, 230), (255, 255, 255)
COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
)
"""Okabe and Ito's, which the colour-blind tell apart."""
CAPTION = 22


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, and points (x, y) in the order in which they are joined."""

    name: str
    points: Sequence[tuple[float, float]]
    is_dotted: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """From 0 to `most`, with ticks."""

    title: str
    most: float
    ticks: Sequence[float]


def froc_plot(curves: dict[str, Froc], target: Path, *, origin: str) -> None:
    """Sensitivity over false positives per exam, from 0 to 8."""
    series = []
    for name, curve in curves.items():
        inside = curve.false_positives <= 8
        points = [*zip(curve.false_positives[inside], curve.sensitivity[inside], strict=True)]
        points.append((8.0, curve.at(8.0)))
        series.append(Series(f"{name} (mean {curve.mean:.2f})", points))
    x = Axis("false positives per exam", 8, (0, 0.5, 1, 2, 4, 8))
    _plot(f"FROC, {origin}", x, Axis("fractures found", 1, SHARES), series, target)


def reliability_plot(
    bars: Mapping[str, Sequence[CalibrationBin]], target: Path, *, origin: str
) -> None:
    """The share that was right over the mean score."""
    series = [
        Series(name, [(each.mean_score, each.share_right) for each in bins if each.count])
        for name, bins in bars.items()
    ]
    series.append(Series("scores that are probabilities", [(0, 0), (1, 1)], is_dotted=True))
    x = Axis("score", 1, SHARES)
    _plot(f"Reliability, {origin}", x, Axis("share right", 1, SHARES), series, target, dots=True)


SHARES = (0, 0.2, 0.4, 0.6, 0.8, 1.0)


def sheet(pictures: Sequence[Thumbnail], target: Path, columns: int = 5) -> None:
    """Small pictures side by side, each with its caption."""
    rows = -(-len(pictures) // columns)
    cell = SIDE + 8
    whole = Image.new("RGB", (columns * cell, rows * (cell + CAPTION)), PAPER)
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(15)
    for number, each in enumerate(pictures):
        x, y = (number % columns) * cell + 4, (number // columns) * (cell + CAPTION) + 4
        whole.paste(Image.fromarray(each.pixels), (x, y))
        draw.text((x + 2, y + SIDE + 2), each.caption, INK, font)
    whole.convert("P", palette=Image.Palette.ADAPTIVE, colors=192).save(target, optimize=True)


def _plot(
    title: str, x: Axis, y: Axis, series: Sequence[Series], target: Path, *, dots: bool = False
) -> None:
    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    draw = ImageDraw.Draw(picture)
    font, small = (ImageFont.load_default(size * SCALE) for size in (16, 13))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = LEFT + point[0] / x.most * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - point[1] / y.most * (HEIGHT - TOP - BOTTOM)
        return across * SCALE, down * SCALE

    for tick in x.ticks:
        draw.line((*place((tick, 0)), *place((tick, y.most))), GRID, SCALE)
        at, foot = place((tick, 0))
        draw.text((at, foot + 6 * SCALE), f"{tick:g}", INK, small, anchor="ma")
    for tick in y.ticks:
        draw.line((*place((0, tick)), *place((x.most, tick))), GRID, SCALE)
        at, level = place((0, tick))
        draw.text((at - 8 * SCALE, level), f"{tick:g}", INK, small, anchor="rm")
    draw.line([place((0, y.most)), place((0, 0)), place((x.most, 0))], INK, 2 * SCALE)
    draw.text((LEFT * SCALE, 12 * SCALE), title, INK, font)
    middle = (LEFT + WIDTH - RIGHT) / 2 * SCALE
    draw.text((middle, (HEIGHT - 12) * SCALE), x.title, INK, small, anchor="ms")
    _upright(picture, y.title, small)
    for number, each in enumerate(series):
        colour = INK if each.is_dotted else COLOURS[number % len(COLOURS)]
        points = [place(point) for point in each.points]
        _line(draw, points, colour, is_dotted=each.is_dotted)
        if dots and not each.is_dotted:
            for across, down in points:
                r = 4 * SCALE
                draw.ellipse((across - r, down - r, across + r, down + r), colour)
        level = (HEIGHT - BOTTOM - 20 * (len(series) - number)) * SCALE
        end = (WIDTH - RIGHT - 12) * SCALE
        draw.text((end - 34 * SCALE, level), each.name, INK, small, anchor="rm")
        _line(draw, [(end - 26 * SCALE, level), (end, level)], colour, is_dotted=each.is_dotted)
    reduced = picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    reduced.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(target, optimize=True)


def _line(
    draw: ImageDraw.ImageDraw,
    points: Sequence[tuple[float, float]],
    colour: tuple[int, int, int],
    *,
    is_dotted: bool,
) -> None:
    if len(points) < 2:
        return
    if not is_dotted:
        draw.line(points, colour, 3 * SCALE, joint="curve")
        return
    first, last = np.array(points[0]), np.array(points[-1])
    pieces = max(2, int(np.linalg.norm(last - first) / (6 * SCALE)))
    for piece in range(0, pieces, 2):
        ends = (first + (last - first) * (piece + part) / pieces for part in (0, 1))
        draw.line([tuple(each.tolist()) for each in ends], colour, 2 * SCALE)


def _upright(
    picture: Image.Image, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    """The title of the vertical axis."""
    width = int(font.getlength(text)) + 4
    label = Image.new("RGB", (width, 20 * SCALE), PAPER)
    ImageDraw.Draw(label).text((2, 0), text, INK, font)
    turned = label.rotate(90, expand=True)
    middle = (TOP + HEIGHT - BOTTOM) / 2 * SCALE
    picture.paste(turned, (12 * SCALE, int(middle - width / 2)))
