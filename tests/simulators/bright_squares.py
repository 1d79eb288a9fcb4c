"""A reader for tests: marks what the network lights up on a film of 64 x 64 pixels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from appliance.domain import Detection, FilmRegion
from appliance.errors import AnalysisError
from appliance.imaging import Film, Image
from appliance.inference.steps import Network, Parameters, register

NAME = "test-bright-squares"


def read(image: Image, network: Network, parameters: Parameters) -> tuple[Detection, ...]:
    """One detection for each connected part of the answer above `floor`."""
    if not isinstance(image, Film) or image.pixels.shape != (64, 64):
        raise AnalysisError("image-not-for-reader")
    (answer,) = network(image.pixels[None, None])[:, 0]
    parts, count = ndimage.label(answer >= float(str(parameters["floor"])))
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
        region = FilmRegion(columns.start, rows.start, columns.stop, rows.stop)
        found.append(Detection("spot", float(answer[parts == number].max()), region))
    assert len(found) == count
    return tuple(found)


def film(*spots: tuple[int, int], background: float = 0.1) -> Film:
    """A dark film with bright squares of 9 pixels around (column, row)."""
    pixels = np.full((64, 64), background, np.float32)
    for column, row in spots:
        pixels[row - 4 : row + 5, column - 4 : column + 5] = 0.9
    return Film(pixels, None)


register(NAME, read)
