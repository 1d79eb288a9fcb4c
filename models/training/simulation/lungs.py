"""Where lung begins beside a bone: what tells ribs from other tubular bone, without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.imaging import Volume
from appliance.inference.steps.ct_bone_mask import (
    AIRWAY_RADIUS_MM,
    block_means,
    block_size,
    lung_blocks,
    without_airways,
)
from models.training.simulation.rib_sites import RibSite

INWARD_MM = (4.0, 22.0)
LEAST_MM = 5


@dataclass(frozen=True, slots=True)
class Lungs:
    """Lung without the airways above it, in blocks of the volume."""

    volume: Volume
    blocks: NDArray[np.bool_]
    size: tuple[int, int, int]

    @classmethod
    def of(cls, volume: Volume) -> Lungs:
        """Find them.

        Raises:
            AnalysisError: `thorax-not-recognised`.
        """
        size = block_size(volume.spacing_mm)
        spacing = np.array(volume.spacing_mm) * size
        lung = lung_blocks(block_means(volume.voxels, size), spacing)
        return cls(volume, without_airways(lung, spacing, AIRWAY_RADIUS_MM), size)

    def are_beside(self, site: RibSite) -> bool:
        """Whether lung begins close inward of the site: so it does of ribs, not of scapulae."""
        depths = np.arange(*INWARD_MM)
        inward = np.array(site.centre_lps_mm) - depths[:, None] * np.array(site.outward)
        block = np.floor((self.volume.to_index(inward) + 0.5) / np.array(self.size)).astype(int)
        inside = ((block >= 0) & (block < self.blocks.shape)).all(axis=1)
        return int(self.blocks[tuple(block[inside].T)].sum()) >= LEAST_MM
