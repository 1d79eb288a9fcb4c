"""Small pictures of what was found, missed and marked wrongly, cut while the image is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from appliance.domain import Detection, FilmRegion, Vector, VolumeRegion
from appliance.evaluation import Lesion, Scored
from appliance.imaging import Film, Image, Volume

SIDE = 240
FIELD_MM = 90.0
BONE_HU = (-400.0, 1100.0)
BREAKS = 2
"""As many places as a segmental fracture has; more are voxels."""
TRUE_COLOUR, MARK_COLOUR = (80, 220, 120), (255, 176, 0)


class Kind(StrEnum):
    """What a picture shows an example of."""

    HIT = "hits"
    MISS = "misses"
    FALSE_ALARM = "false alarms"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One picture. score: of the mark; of a miss, of the best mark on it (0: none)."""

    kind: Kind
    score: float
    caption: str
    pixels: NDArray[np.uint8]


def thumbnails(image: Image, exam: Scored, report: float) -> Iterator[Thumbnail]:
    """Each lesion, and the highest false mark that is reported.

    Green: true; amber: reported marks, and of a miss the mark that was too low.
    """
    reported = [each.mark for each in exam.marks if each.mark.score >= report]
    for each in exam.lesions:
        score = 0.0 if each.mark is None else each.mark.score
        kind = Kind.HIT if score >= report else Kind.MISS
        words = each.lesion.attributes.get("type", "")
        caption = f"{score:.2f} {words}".strip()
        shown = [*reported, *([each.mark] if each.mark and kind is Kind.MISS else [])]
        yield Thumbnail(kind, score, caption, _cut(image, exam, shown, each.lesion))
    wrong = [each.mark for each in exam.marks if not each.hits and each.mark.score >= report]
    if wrong:
        yield Thumbnail(
            Kind.FALSE_ALARM,
            wrong[0].score,
            f"{wrong[0].score:.2f}",
            _cut(image, exam, reported, wrong[0]),
        )


def _cut(
    image: Image, exam: Scored, marks: Sequence[Detection], what: Lesion | Detection
) -> NDArray[np.uint8]:
    match image:
        case Volume():
            return _axial(image, exam, marks, _place(what))
        case Film():
            return _film(image, exam, marks)


def _place(what: Lesion | Detection) -> NDArray[np.float64]:
    """The middle of a lesion, or of a mark, in a volume."""
    match what:
        case Detection(region=VolumeRegion() as region):
            return np.array(region.centre_lps_mm)
        case Lesion(where=tuple() as places):
            return _middle(places)
        case _:
            raise TypeError("of a film, in a volume")


def _middle(places: tuple[Vector, ...]) -> NDArray[np.float64]:
    """Of voxels their mean; of one or two breaks the first, for nothing lies between two."""
    return np.mean(places, axis=0) if len(places) > BREAKS else np.array(places[0])


def _axial(
    volume: Volume, exam: Scored, marks: Sequence[Detection], place: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The axial slice through a place, its surroundings in a bone window."""
    middle = volume.to_index(place)
    level = int(np.clip(round(middle[0]), 0, volume.voxels.shape[0] - 1))
    half = np.array([FIELD_MM / 2 / step for step in volume.spacing_mm[1:]])
    low, high = BONE_HU
    padded = np.full((SIDE, SIDE), low, np.float32)
    at = np.arange(SIDE) / SIDE * 2 - 1
    rows = np.rint(middle[1] + at * half[0]).astype(int)
    columns = np.rint(middle[2] + at * half[1]).astype(int)
    row_in = (rows >= 0) & (rows < volume.voxels.shape[1])
    column_in = (columns >= 0) & (columns < volume.voxels.shape[2])
    padded[np.ix_(row_in, column_in)] = volume.voxels[level][
        np.ix_(rows[row_in], columns[column_in])
    ]
    grey = (np.clip((padded - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    picture = Picture.fromarray(grey).convert("RGB")
    draw = ImageDraw.Draw(picture)

    def ring(
        point: Sequence[float] | NDArray[np.float64], colour: tuple[int, int, int], radius_px: float
    ) -> None:
        index = volume.to_index(np.array(point))
        if abs(index[0] - level) * volume.spacing_mm[0] > FIELD_MM / 6:
            return
        y, x = ((index[1:] - middle[1:]) / half + 1) * SIDE / 2
        draw.ellipse(
            (x - radius_px, y - radius_px, x + radius_px, y + radius_px), outline=colour, width=2
        )

    for lesion in exam.lesions:
        if isinstance(lesion.lesion.where, tuple):
            ring(_middle(lesion.lesion.where), TRUE_COLOUR, 22)
    for mark in marks:
        if isinstance(mark.region, VolumeRegion):
            ring(mark.region.centre_lps_mm, MARK_COLOUR, 30)
    return np.asarray(picture)


def _film(film: Film, exam: Scored, marks: Sequence[Detection]) -> NDArray[np.uint8]:
    """The whole film, fitted in."""
    rows, columns = film.pixels.shape
    scale = SIDE / max(rows, columns)
    low, high = np.percentile(film.pixels[:: max(1, rows // 500)], (1, 99.5))
    grey = (np.clip((film.pixels - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    fitted = Picture.fromarray(grey).resize(
        (max(1, round(columns * scale)), max(1, round(rows * scale))), Picture.Resampling.BOX
    )
    picture = Picture.new("RGB", (SIDE, SIDE))
    shift = ((SIDE - fitted.width) // 2, (SIDE - fitted.height) // 2)
    picture.paste(fitted.convert("RGB"), shift)
    draw = ImageDraw.Draw(picture)

    def frame(box: FilmRegion, colour: tuple[int, int, int]) -> None:
        edges = np.array([box.left, box.top, box.right, box.bottom]) * scale
        draw.rectangle(tuple((edges + np.array(shift * 2)).tolist()), outline=colour, width=2)

    for mark in marks:
        if isinstance(mark.region, FilmRegion):
            frame(mark.region, MARK_COLOUR)
    for lesion in exam.lesions:
        if isinstance(lesion.lesion.where, FilmRegion):
            frame(lesion.lesion.where, TRUE_COLOUR)
    return np.asarray(picture)
