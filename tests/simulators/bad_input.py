"""Images that no model was made for, made of shapes: what may reach a reader past the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from appliance.imaging import Film, Volume
from tests.simulators.thorax import MIDLINE_X_MM, thorax

METAL_HU = 3071
SIDE = 400
Voxels = NDArray[np.int16]


def _changed(change: Callable[[Voxels, Volume], None]) -> Volume:
    chest = thorax().volume
    voxels = chest.voxels.copy()
    change(voxels, chest)
    return replace(chest, voxels=voxels)


def _at(volume: Volume, *place: float) -> tuple[int, int, int]:
    z, y, x = np.rint(volume.to_index(np.array(place))).astype(int)
    return int(z), int(y), int(x)


def plate() -> Volume:
    """A plate with screws along a rib, with the streaks that a scanner makes of it."""

    def change(voxels: Voxels, volume: Volume) -> None:
        z, y, x = _at(volume, MIDLINE_X_MM + 115, -5, 81)
        voxels[z, y - 12 : y + 12, x : x + 2] = METAL_HU
        voxels[z - 1 : z + 2, y - 12 : y + 12 : 6, x - 3 : x + 3] = METAL_HU
        streak = voxels[z, y - 1 : y + 1]
        streak[streak < METAL_HU] -= 150

    return _changed(change)


def prosthesis() -> Volume:
    """A shoulder's ball and stem of metal, dark beside it and bright beyond."""

    def change(voxels: Voxels, volume: Volume) -> None:
        z, y, x = _at(volume, MIDLINE_X_MM + 125, 0, 110)
        voxels[z - 6 : z + 6, y - 10 : y + 10, x - 8 : x + 8] = METAL_HU
        voxels[z - 30 : z - 6, y - 3 : y + 3, x - 3 : x + 3] = METAL_HU
        dark = voxels[z - 6 : z + 6, y - 10 : y + 10, x - 60 : x - 8]
        dark -= 300

    return _changed(change)


def pacemaker() -> Volume:
    """A can below the skin, and a lead through the mediastinum."""

    def change(voxels: Voxels, volume: Volume) -> None:
        z, y, x = _at(volume, MIDLINE_X_MM + 60, -95, 100)
        voxels[z - 5 : z + 5, y - 4 : y + 4, x - 12 : x + 12] = np.iinfo(np.int16).max
        lead = _at(volume, MIDLINE_X_MM, 0, 0)
        voxels[:, lead[1], lead[2]] = METAL_HU

    return _changed(change)


def contrast() -> Volume:
    """Vessels as bright as bone."""

    def change(voxels: Voxels, volume: Volume) -> None:
        _, y, x = _at(volume, MIDLINE_X_MM, 0, 0)
        voxels[:, y - 12 : y + 12, x - 14 : x + 14] = 480

    return _changed(change)


def truncated() -> Volume:
    """A field of view that cuts off both flanks, as wide patients have it."""
    chest = thorax().volume
    cut = chest.voxels[:, 20:-20, 32:-32]
    origin = chest.to_lps(np.array([0.0, 20.0, 32.0]))
    return Volume(np.ascontiguousarray(cut), origin, chest.axes)


def half_a_chest() -> Volume:
    """Only the uppermost slices."""
    chest = thorax().volume
    start = chest.voxels.shape[0] * 2 // 3
    origin = chest.to_lps(np.array([float(start), 0.0, 0.0]))
    return Volume(np.ascontiguousarray(chest.voxels[start:]), origin, chest.axes)


def moved() -> Volume:
    """The patient breathed: every second slice lies elsewhere."""

    def change(voxels: Voxels, _: Volume) -> None:
        voxels[::2] = np.roll(voxels[::2], 4, axis=1)

    return _changed(change)


def metastases() -> Volume:
    """Bone that is eaten up and bone that is dense, everywhere."""

    def change(voxels: Voxels, _: Volume) -> None:
        lot = np.random.default_rng(4).random(voxels.shape)
        bone = voxels > 200
        voxels[bone & (lot < 0.2)] = 30
        voxels[bone & (lot > 0.8)] = 1400

    return _changed(change)


def uncalibrated() -> Volume:
    """A cone-beam scanner's values: twice the slope, far off zero."""

    def change(voxels: Voxels, _: Volume) -> None:
        voxels[:] = np.clip(voxels.astype(np.int32) * 2 + 1200, -32768, 32767)

    return _changed(change)


def _constant(hu: int) -> Callable[[], Volume]:
    def make() -> Volume:
        chest = thorax().volume
        return replace(chest, voxels=np.full_like(chest.voxels, hu))

    return make


def _water() -> Volume:
    """A quality phantom: a cylinder of water with rods of bone and air."""

    def change(voxels: Voxels, volume: Volume) -> None:
        rows, columns = np.mgrid[: voxels.shape[1], : voxels.shape[2]]
        middle = np.array(voxels.shape[1:]) / 2
        away = np.hypot(rows - middle[0], columns - middle[1]) * volume.spacing_mm[1]
        voxels[:] = np.where(away < 100, 0, -1000)
        voxels[:, (np.abs(away - 60) < 8) & (rows < middle[0])] = 900
        voxels[:, (np.abs(away - 60) < 8) & (columns < middle[1] - 20)] = -1000

    return _changed(change)


def _animal() -> Volume:
    """A small animal's chest: the same shapes, a quarter of the size."""
    chest = thorax().volume
    return replace(chest, axes=chest.axes / 4, origin_lps_mm=chest.origin_lps_mm / 4)


def _implants() -> Volume:
    """Rods and screws on a table, no patient round them."""

    def change(voxels: Voxels, _: Volume) -> None:
        voxels[:] = -1000
        voxels[5:-5, 60:64, 40:44] = METAL_HU
        voxels[20:24, 70:90, 100:104] = METAL_HU
        voxels[:, 110:112] = 60

    return _changed(change)


def noise() -> Volume:
    """No structure at all."""

    def change(voxels: Voxels, _: Volume) -> None:
        voxels[:] = np.random.default_rng(1).integers(-1024, 3071, voxels.shape)

    return _changed(change)


READABLE_VOLUMES: dict[str, Callable[[], Volume]] = {
    each.__name__: each
    for each in (plate, prosthesis, pacemaker, contrast, truncated, half_a_chest, moved, metastases)
}
"""A thorax is in them: they are read, or refused aloud."""

NO_CHEST: dict[str, Callable[[], Volume]] = {
    "all air": _constant(-1000),
    "all metal": _constant(METAL_HU),
    "all water": _constant(0),
    "lowest": _constant(-32768),
    "highest": _constant(32767),
    "quality phantom": _water,
    "animal": _animal,
    "implants only": _implants,
    "noise": noise,
    "uncalibrated": uncalibrated,
}
"""None of them may be read as "nothing above the threshold"."""


def _film(make: Callable[[NDArray[np.float32]], None]) -> Callable[[], Film]:
    def film() -> Film:
        rows, columns = np.mgrid[:SIDE, :SIDE]
        lot = np.random.default_rng(2).random((SIDE, SIDE)) * 0.05
        bone = 0.3 + 0.4 * (np.abs(columns - SIDE / 2) < 40) + lot
        pixels = np.clip(bone + 0.05 * np.sin(rows / 9), 0, 1).astype(np.float32)
        make(pixels)
        return Film(pixels, None)

    return film


def _plate(pixels: NDArray[np.float32]) -> None:
    pixels[80:320, 190:205] = 1.0
    pixels[100:300:40, 170:230] = 1.0


def _border(pixels: NDArray[np.float32]) -> None:
    pixels[:, :150], pixels[:, 260:], pixels[:60], pixels[330:] = 1.0, 1.0, 1.0, 1.0


def _noise(pixels: NDArray[np.float32]) -> None:
    pixels[:] = np.random.default_rng(3).random(pixels.shape)


def _checkers(pixels: NDArray[np.float32]) -> None:
    pixels[:] = np.indices(pixels.shape).sum(axis=0) % 2


def _one_pixel(pixels: NDArray[np.float32]) -> None:
    pixels[:] = 0
    pixels[7, 9] = 1


def _narrow() -> Film:
    return Film(np.ascontiguousarray(_film(_plate)().pixels[:, 190:200]), None)


ODD_FILMS: dict[str, Callable[[], Film]] = {
    "plate and screws": _film(_plate),
    "collimated to a strip": _film(_border),
    "noise": _film(_noise),
    "checkers": _film(_checkers),
    "one pixel": _film(_one_pixel),
    "very narrow": _narrow,
}


def _filled(value: float) -> Callable[[], Film]:
    def make(pixels: NDArray[np.float32]) -> None:
        pixels[:] = value

    return _film(make)


def _spoilt(value: float) -> Callable[[], Film]:
    def make(pixels: NDArray[np.float32]) -> None:
        pixels[3, 5] = value

    return _film(make)


NO_FILM: dict[str, Callable[[], Film]] = {
    "black": _filled(0.0),
    "white": _filled(1.0),
    "grey": _filled(0.5),
    "not a number": _filled(float("nan")),
    "one pixel is not a number": _spoilt(float("nan")),
    "one pixel is infinite": _spoilt(float("inf")),
}
"""They show nothing, or are none."""
