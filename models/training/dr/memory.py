"""Every film decoded once and held as bytes, whole and as the network would see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.inference.steps.film_input import letterbox
from models.training.dr.films import LabelledFilm

_WHITE = 255.0


class FilmMemory:
    """Films by their path; a worker that is forked afterwards shares the pages."""

    def __init__(self, collection: Sequence[LabelledFilm], side: int) -> None:
        self._whole: dict[Path, NDArray[np.uint8]] = {}
        self._squares: dict[Path, tuple[NDArray[np.uint8], NDArray[np.float64]]] = {}
        for film in collection:
            pixels = film.pixels()
            fitted = letterbox(pixels, side)
            boxes = film.boxes_in(pixels.shape) * fitted.scale
            boxes += np.array([fitted.left, fitted.top] * 2)
            self._whole[film.path] = _bytes(pixels)
            self._squares[film.path] = _bytes(fitted.square), boxes

    def pixels(self, film: LabelledFilm) -> NDArray[np.float32]:
        """The film as `LabelledFilm.pixels` reads it."""
        return self._whole[film.path].astype(np.float32) / np.float32(_WHITE)

    def square(self, film: LabelledFilm) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The film through the box's own preprocessing, and its boxes there in pixels."""
        square, boxes = self._squares[film.path]
        return square.astype(np.float32) / np.float32(_WHITE), boxes


def _bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(pixels * _WHITE).astype(np.uint8)
