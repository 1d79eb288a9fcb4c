"""The surroundings of one site: its bone, the distance to it, and how a shift carries them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.domain import Bone
from appliance.imaging import Volume
from models.training.simulation.rib_sites import RibSite

RADIUS_MM = 36.0
TUBE_MM = {Bone.STERNUM: 32.0, Bone.SCAPULA: 26.0}
"""Radius across `along` that a break reaches; of the flat bones, which are wide."""
ROUND_TUBE_MM = 16.0
"""Of all others: farther out lies no part of a rib, though it is curved."""


@dataclass(frozen=True, slots=True)
class LocalBone:
    """A box of the volume round one site.

    box: its place in the volume. source: float32 HU in it.
    offset: LPS mm from the site to each voxel. shape (..., 3)
    distance: mm to the surface of the site's bone, negative inside.
    """

    box: tuple[slice, slice, slice]
    source: NDArray[np.float32]
    offset: NDArray[np.float64]
    distance: NDArray[np.float64]
    other: NDArray[np.float64]
    """mm to the nearest other bone"""
    axes: NDArray[np.float64]

    def half_extent_along(self, direction: NDArray[np.float64]) -> float:
        """Half of what one voxel covers along a direction, in mm."""
        return float(np.abs(direction @ self.axes).sum() / 2)

    def shifted(
        self,
        shift: NDArray[np.float64],
        along: NDArray[np.float64],
        bulge: NDArray[np.float64] | None = None,
        site: RibSite | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The box with its bone carried by `shift * along`; and the distance to the carried bone.

        bulge: mm by which the bone is also widened across `site.along`.
        """
        move = shift * along[..., None]
        if bulge is not None and site is not None:
            direction = np.array(site.along)
            across = self.offset - (self.offset @ direction)[..., None] * direction
            length = np.linalg.norm(across, axis=-1, keepdims=True)
            move = move + bulge[..., None] * across / np.maximum(length, 1.5)
        rim = self._sample(self.distance, move, order=1)
        others = self._sample(self.other, move, order=1)
        # Narrower than this and tissue would fold over: the fade falls by at most 1.5 / width.
        width = max(5.0, 1.8 * float(np.linalg.norm(shift)))
        outside = np.clip(rim, 0, None)
        faded = np.clip(outside / width, 0, 1)
        weight = 1 - faded * faded * (3 - 2 * faded)
        weight *= np.clip(others, 0, None) / np.maximum(outside + np.clip(others, 0, None), 1e-3)
        moved = self._sample(self.source, move * weight[..., None], order=3)
        low, high = float(self.source.min()), float(self.source.max())
        return np.clip(moved, low, high).astype(np.float32), rim

    def _sample(
        self, values: NDArray[np.floating], move: NDArray[np.float64], order: int
    ) -> NDArray[np.float64]:
        index = np.indices(values.shape, dtype=np.float32)
        step = np.moveaxis(move @ np.linalg.inv(self.axes).T, -1, 0)
        return np.asarray(
            ndimage.map_coordinates(values, index - step, order=order, mode="nearest")
        )


def local_bone(volume: Volume, ribs: NDArray[np.bool_], site: RibSite) -> LocalBone:
    """Cut the box round a site and find the bone that the site lies on.

    Raises:
        ValueError: the mask holds no bone within 8 mm of the site.
    """
    centre = volume.to_index(np.array(site.centre_lps_mm))
    reach = RADIUS_MM / np.array(volume.spacing_mm)
    first = np.maximum(np.floor(centre - reach).astype(int), 0)
    last = np.minimum(np.ceil(centre + reach).astype(int) + 1, volume.voxels.shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    box = (z, y, x)
    source = volume.voxels[box].astype(np.float32)
    index = np.moveaxis(np.indices(source.shape, dtype=np.float64), 0, -1) + first
    offset = volume.to_lps(index) - np.array(site.centre_lps_mm)
    tube_mm = TUBE_MM.get(site.bone, ROUND_TUBE_MM)
    # Without labels a rib hangs together with its neighbours by the spine: they stay as they are.
    tube = np.linalg.norm(np.cross(offset, np.array(site.along)), axis=-1) < tube_mm
    mask = ribs[box]
    near = mask & (np.linalg.norm(offset, axis=-1) < 8)
    pieces, _ = ndimage.label(mask & tube)
    touched = pieces[near]
    if not touched.size:
        raise ValueError("no bone of the mask at the site")
    own = pieces == np.bincount(touched).argmax()
    spacing = volume.spacing_mm
    outside = ndimage.distance_transform_edt(~own, sampling=spacing)
    inside = ndimage.distance_transform_edt(own, sampling=spacing)
    others = ~own & (mask | (source > 250)) & (outside > 3)
    far = (
        ndimage.distance_transform_edt(~others, sampling=spacing) if others.any() else outside + 99
    )
    return LocalBone(box, source, offset, outside - inside, far, volume.axes)
