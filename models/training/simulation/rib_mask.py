"""Bone of the thoracic cage where nobody has labelled the ribs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.imaging import Volume
from appliance.inference.steps.ct_bone_mask import BLOCK_MM, find_thorax

BONE_FROM_HU = 180
METAL_FROM_HU = 1800
MARROW_MM = 2.5


def cage_bone_mask(volume: Volume) -> NDArray[np.bool_]:
    """Voxels of bone round the lungs, marrow included: ribs, and other bones of the cage too.

    Raises:
        AnalysisError: `thorax-not-recognised`.
    """
    index = np.rint(volume.to_index(find_thorax(volume).bone_lps_mm)).astype(int)
    spacing = np.array(volume.spacing_mm)
    region = np.zeros(volume.voxels.shape, dtype=bool)
    region[tuple(index.T)] = True
    for axis in range(3):
        width = 2 * int(np.ceil(1.5 * BLOCK_MM / spacing[axis])) + 1
        region = ndimage.maximum_filter1d(region, width, axis=axis)
    bone = (volume.voxels > BONE_FROM_HU) & (volume.voxels < METAL_FROM_HU) & region
    closing = [max(1, round(MARROW_MM / each)) for each in spacing]
    # In the slice only: across thick slices a closing would join neighbouring ribs.
    structure = np.ones((1, 2 * closing[1] + 1, 2 * closing[2] + 1), dtype=bool)
    return np.asarray(ndimage.binary_closing(bone, structure) & region)
