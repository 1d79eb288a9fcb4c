"""A simulated wedge fracture in a real CT: a vertebral body that has lost height in front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Bone, FractureType, Side, Vector
from appliance.imaging import Volume
from models.training.simulation.ct import Fracture
from models.training.simulation.rib_sites import RibSite

LOST_SHARE = (0.2, 0.45)
"""Of the height in front; grade 1 and 2 of Genant."""
ABOVE_MM = 14.0
"""So far above the end plate, disc and next body give way; nothing folds for losses below 9 mm."""
SIDEWAYS_MM = 6.0
IMPACTED_MM = 2.5
CORD_TO_BODY_MM = 7.0


@dataclass(frozen=True, slots=True)
class VertebralBody:
    """A box round a body without its arch. Lengths in mm, LPS."""

    centre_lps_mm: Vector
    half_width_mm: float
    half_depth_mm: float
    half_height_mm: float


def bodies(
    volume: Volume, vertebrae: list[NDArray[np.bool_]], cord: NDArray[np.bool_]
) -> Iterator[VertebralBody]:
    """The bodies of labelled vertebrae that lie whole in the volume, in front of the cord."""
    cord_lps = volume.to_lps(np.argwhere(cord).astype(np.float64))
    for mask in vertebrae:
        index = np.argwhere(mask)
        if not len(index) or index[:, 0].min() == 0 or index[:, 0].max() == mask.shape[0] - 1:
            continue
        points = volume.to_lps(index.astype(np.float64))
        z_low, z_high = points[:, 2].min(), points[:, 2].max()
        level = cord_lps[(cord_lps[:, 2] >= z_low) & (cord_lps[:, 2] <= z_high)]
        if not len(level):
            continue
        x, y = level[:, 0].mean(), level[:, 1].mean()
        body = points[(points[:, 1] < y - CORD_TO_BODY_MM) & (np.abs(points[:, 0] - x) < 22)]
        if len(body) < 200:
            continue
        low, high = np.percentile(body, (3, 97), axis=0)
        middle, half = (low + high) / 2, (high - low) / 2
        yield VertebralBody(
            (float(middle[0]), float(middle[1]), float(middle[2])),
            float(half[0]),
            float(half[1]),
            float(half[2]),
        )


def wedge(volume: Volume, body: VertebralBody, *, seed: int) -> tuple[Volume, Fracture]:
    """A copy of the volume in which the upper end plate of the body is pressed down in front."""
    rng = np.random.default_rng(seed)
    height = 2 * body.half_height_mm
    lost = float(rng.uniform(*LOST_SHARE)) * height
    centre = np.array(body.centre_lps_mm)
    reach = np.array((body.half_height_mm + ABOVE_MM + 4, body.half_depth_mm + 14.0, 0))
    reach[2] = body.half_width_mm + SIDEWAYS_MM + 6
    middle = volume.to_index(centre)
    span = reach / np.array(volume.spacing_mm)
    first = np.maximum(np.floor(middle - span).astype(int), 0)
    last = np.minimum(np.ceil(middle + span).astype(int) + 1, volume.voxels.shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    source = volume.voxels[z, y, x].astype(np.float32)
    index = np.moveaxis(np.indices(source.shape, dtype=np.float64), 0, -1)
    offset = volume.to_lps(index + first) - centre
    down = lost * _share(offset, body)
    above_floor = offset[..., 2] + body.half_height_mm
    new_height = height - down
    above_roof = above_floor - new_height
    stretch = np.clip(above_floor, 0, None) * down / np.maximum(new_height, 1e-3)
    rising = np.where(above_roof < 0, stretch, down * (1 - np.clip(above_roof / ABOVE_MM, 0, 1)))
    move = np.zeros_like(offset)
    move[..., 2] = np.where(above_floor > 0, rising, 0.0)
    step = np.moveaxis(move @ np.linalg.inv(volume.axes).T, -1, 0)
    at = np.moveaxis(index, -1, 0) + step
    changed = ndimage.map_coordinates(source, at, order=1, mode="nearest")
    # The trabeculae under the end plate are driven into each other.
    band = np.exp(-(((above_roof + IMPACTED_MM) / IMPACTED_MM) ** 2))
    pressed = float(rng.uniform(60, 160)) * band * down / max(lost, 1e-3)
    changed = changed + np.where((changed > 60) & (above_roof < 0), pressed, 0.0)
    voxels = volume.voxels.copy()
    voxels[z, y, x] = np.clip(np.rint(changed), -32768, 32767).astype(np.int16)
    site = RibSite(
        body.centre_lps_mm, (0.0, 0.0, 1.0), (0.0, -1.0, 0.0), Bone.VERTEBRA, Side.MIDLINE
    )
    made = Fracture(site, FractureType.COMPRESSION, lost, 0.0, (body.centre_lps_mm,))
    return replace(volume, voxels=voxels), made


def _share(offset: NDArray[np.float64], body: VertebralBody) -> NDArray[np.float64]:
    """How much of the loss each column takes: all in front, none at the back, fading sideways."""
    from_back = (body.half_depth_mm - offset[..., 1]) / (2 * body.half_depth_mm)
    in_front = np.clip(from_back, 0, 1) * np.clip(2.2 - from_back, 0, 1)
    beside = np.clip(np.abs(offset[..., 0]) - body.half_width_mm, 0, None) / SIDEWAYS_MM
    return np.asarray(in_front * np.clip(1 - beside, 0, 1))
