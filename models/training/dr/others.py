"""Pictures that are no films of limbs, as the network would see them: for `known`.

Radiographs of chest, belly, neck and head are simulated from CT (sums along rays at any angle,
through whole scans and parts of them), as no collection of real ones is at hand; axial slices as
they are; and photographs that scikit-image ships (CC0, public domain or no known restriction).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from appliance.errors import AnalysisError
from appliance.imaging import Volume
from appliance.inference.steps.film_input import letterbox
from models.training.data.ct_scans import LIDC, volumes

Pixels = NDArray[np.float32]

PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png",
    "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
_MM = 1.6
PATIENTS = ("acrin-flt-breast-001", "cmb-crc-msb-01068", LIDC, "tcga-e3-a3e5")
_RAYS, _SLICES, _CROPS = 36, 10, 20
"""Of each series, and of each photograph."""
_WATER_PER_CM = 0.2


def squares(data: Path, side: int, rng: np.random.Generator) -> Iterator[Pixels]:
    """Each (side, side) in [0, 1].

    data: folder that holds `lidc/` and `ct/`, as `ct_scans.volumes` reads it.
    """
    for pixels in _pictures(data, rng):
        try:
            yield letterbox(np.ascontiguousarray(pixels, dtype=np.float32), side).square
        except AnalysisError:  # a part that shows nothing
            continue


def _pictures(data: Path, rng: np.random.Generator) -> Iterator[NDArray[np.floating]]:
    for _, volume in volumes(data, PATIENTS):
        density = _density(volume)
        for _ in range(_RAYS):
            yield radiograph(density, rng)
        for _ in range(_SLICES):
            yield np.clip(volume.voxels[rng.integers(len(volume.voxels))], -200, 800)
    yield from _photographs(rng)


def radiograph(density: Pixels, rng: np.random.Generator) -> NDArray[np.floating]:
    """A film of a part of the body from any side, brighter = denser; parallel rays."""
    body = density
    angle = rng.choice([0.0, 90.0, rng.uniform(0, 180)])
    if angle:
        body = ndimage.rotate(body, angle, axes=(1, 2), reshape=False, order=1)
    if rng.random() < 0.6:
        body = _part(body, 0, rng.uniform(0.35, 1), rng)
    film: NDArray[np.floating] = body.sum(axis=1) * _MM / 10 * _WATER_PER_CM
    if rng.random() < 0.5:
        film = film[::-1]
    if rng.random() < 0.4:
        film = _part(film, 1, rng.uniform(0.3, 0.8), rng)
    match int(rng.integers(3)):
        case 0:
            film = 1 - np.exp(-film / max(film.mean(), 1e-3))
        case 1:
            film = np.clip(film / max(np.percentile(film, 99), 1e-3), 0, 1) ** rng.uniform(0.5, 1.6)
        case _:
            pass
    film = (film - film.min()) / max(np.ptp(film), 1e-6)
    film = ndimage.zoom(film, rng.uniform(1.5, 3), order=1)
    film = film + rng.normal(0, rng.uniform(0, 0.02), film.shape)
    if rng.random() < 0.5:
        film = film + 0.7 * (film - ndimage.gaussian_filter(film, 3))
    return np.asarray(1 - film if rng.random() < 0.15 else film)


def _density(volume: Volume) -> Pixels:
    """Attenuation against water, bone a little more, on cubes of `_MM`."""
    scale = [spacing / _MM for spacing in volume.spacing_mm]
    units = ndimage.zoom(volume.voxels.astype(np.float32), scale, order=1)
    density = np.clip((units + 1000) / 1000, 0, 3.5)
    return np.asarray(density * np.where(units > 150, 1.35, 1.0), dtype=np.float32)


def _photographs(rng: np.random.Generator) -> Iterator[NDArray[np.floating]]:
    import skimage  # noqa: PLC0415 - training only

    folder = Path(skimage.__file__).parent / "data"
    for name in PHOTOGRAPHS:
        with Image.open(folder / name) as image:
            whole = np.asarray(image.convert("L"), dtype=np.float32) / 255
        for _ in range(_CROPS):
            crop: NDArray[np.floating] = whole
            for axis in (0, 1):
                crop = _part(crop, axis, rng.uniform(0.4, 1), rng)
            yield crop if rng.random() < 0.7 else 1 - crop


def _part(
    pixels: NDArray[np.floating], axis: int, share: float, rng: np.random.Generator
) -> NDArray[np.floating]:
    whole = pixels.shape[axis]
    length = max(1, int(whole * share))
    first = int(rng.integers(0, whole - length + 1))
    return np.take(pixels, np.arange(first, first + length), axis=axis)
