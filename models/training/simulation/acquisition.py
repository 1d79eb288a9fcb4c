"""A scan as if it had been taken otherwise: thicker or thinner slices, a sharper or softer kernel.

Thickness is averaged, as a scanner does; thin slices are only interpolated, since nobody knows
what lay between. Kernels act in the plane of a slice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.imaging import Volume

EDGE_MM = 0.9
"""Standard deviation of the blur whose difference a sharp kernel adds."""
LOWEST_HU, HIGHEST_HU = -1024, 3071


def thickened(volume: Volume, mm: float) -> Volume:
    """Slices averaged to about `mm`; the volume itself where they are as thick already."""
    together = round(mm / volume.spacing_mm[0])
    if together <= 1:
        return volume
    whole = volume.voxels.shape[0] // together * together
    grouped = volume.voxels[:whole].reshape(-1, together, *volume.voxels.shape[1:])
    voxels = np.rint(grouped.mean(axis=1, dtype=np.float32)).astype(np.int16)
    origin = volume.to_lps(np.array(((together - 1) / 2, 0.0, 0.0)))
    return replace(
        volume, voxels=voxels, origin_lps_mm=origin, axes=volume.axes * np.array((together, 1, 1))
    )


def thinned(volume: Volume, mm: float) -> Volume:
    """Slices of about `mm` between those that there are; itself where they are thin already."""
    between = max(1, round(volume.spacing_mm[0] / mm))
    axes = volume.axes / np.array((between, 1, 1))
    voxels = np.rint(between_slices(volume.voxels, between)).astype(np.int16)
    return Volume(voxels, volume.origin_lps_mm, axes)


def between_slices(values: NDArray[np.generic], between: int) -> NDArray[np.float32]:
    """Linear interpolation along the first axis, `between` steps from slice to slice."""
    count = values.shape[0]
    at = np.arange((count - 1) * between + 1) / between
    low = np.minimum(np.floor(at).astype(int), max(count - 2, 0))
    share = (at - low)[:, None, None].astype(np.float32)
    high = np.minimum(low + 1, count - 1)
    numbers = values.astype(np.float32)
    return numbers[low] * (1 - share) + numbers[high] * share


def sharpened(volume: Volume, strength: float) -> Volume:
    """Edges enhanced as by a lung or bone kernel; noise grows with them."""
    return _kernel(volume, 1 + strength, -strength, EDGE_MM)


def smoothed(volume: Volume, sigma_mm: float) -> Volume:
    """Blurred in the plane as by a soft-tissue kernel."""
    return _kernel(volume, 0.0, 1.0, sigma_mm)


def _kernel(volume: Volume, own: float, blurred: float, sigma_mm: float) -> Volume:
    _, rows, columns = volume.spacing_mm
    voxels = np.empty_like(volume.voxels)
    for number, each in enumerate(volume.voxels.astype(np.float32)):
        soft = ndimage.gaussian_filter(each, (sigma_mm / rows, sigma_mm / columns))
        voxels[number] = np.clip(np.rint(own * each + blurred * soft), LOWEST_HU, HIGHEST_HU)
    return replace(volume, voxels=voxels)
