"""The slices on which ribs were counted by eye, with the numbers drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from appliance.domain import Bone
from appliance.imaging import Volume
from models.training.anatomy.counts import Place

PIXELS_A_MM = 2.0
SLAB_MM = 4.0
WINDOW_HU = (0.0, 800.0)
MARGIN_MM = 35.0
INK = (255, 190, 0)
SIZE = 15


def draw(volume: Volume, places: Sequence[Place], target: Path) -> None:
    """One picture with the slice of each view, side by side; the head is up."""
    slices = [
        _slice(volume, list(group))
        for _, group in groupby(places, key=lambda place: (place.view, place.plane_mm))
    ]
    width = sum(each.width + 8 for each in slices)
    sheet = Image.new("RGB", (width, max(each.height for each in slices)))
    left = 0
    for each in slices:
        sheet.paste(each, (left, 0))
        left += each.width + 8
    sheet.quantize(64).save(target, optimize=True)


def _slice(volume: Volume, places: Sequence[Place]) -> Image.Image:
    """A thin slab's highest values. Sagittal: front is left; coronal: the right side is left."""
    across = 1 if places[0].view == "sagittal" else 0
    spots = np.array([(place.lps_mm[across], place.lps_mm[2]) for place in places])
    low, high = spots.min(axis=0) - MARGIN_MM, spots.max(axis=0) + MARGIN_MM
    axis = np.arange(low[0], high[0], 1 / PIXELS_A_MM)
    up = np.arange(high[1], low[1], -1 / PIXELS_A_MM)
    slab = places[0].plane_mm + np.arange(-SLAB_MM / 2, SLAB_MM / 2 + 0.1, 1.0)
    grid = np.meshgrid(slab, up, axis, indexing="ij")
    order = (grid[0], grid[2]) if across == 1 else (grid[2], grid[0])
    pixels = _values(volume, np.stack((*order, grid[1]), axis=-1)).max(axis=0)
    bottom, top = WINDOW_HU
    grey = np.clip((pixels - bottom) / (top - bottom), 0, 1) * 255
    image = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(SIZE)
    for place, spot in zip(places, spots, strict=True):
        x, y = (spot[0] - low[0]) * PIXELS_A_MM, (high[1] - spot[1]) * PIXELS_A_MM
        pen.line((x - 4, y, x + 4, y), fill=INK)
        pen.line((x, y - 4, x, y + 4), fill=INK)
        word = str(place.rib_number) if place.bone is Bone.RIB else place.bone.value
        pen.text((x + 8, y - SIZE), word, INK, font)
    title = f"{places[0].view} {places[0].plane_mm:g} mm, {places[0].side.value}"
    pen.text((4, 2), title, INK, font)
    return image


def _values(volume: Volume, places: NDArray[np.float64]) -> NDArray[np.float32]:
    index = np.moveaxis(volume.to_index(places), -1, 0)
    values = ndimage.map_coordinates(
        volume.voxels, index, output=np.float32, order=1, mode="constant", cval=-1000
    )
    return np.asarray(values)
