"""Where the bones of the thorax lie in a CT, coarsely, so that a network looks at nothing else.

Works on blocks of about 3 mm in the volume's own grid; a later step resamples only what is marked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.errors import AnalysisError
from appliance.imaging import Volume

BLOCK_MM = 3.0
AIR_BELOW_HU = -350
TISSUE_FROM_HU = -200
LUNG_MEDIAN_HU = (-940.0, -450.0)
"""Outside air and bowel gas lie below; fat and partial volume lie above."""
LUNG_PIECE_ML = 20.0
LUNG_PIECE_SHARE = 0.2
"""Of the largest piece; sinuses, mouth and bowel are smaller."""
LUNG_TOTAL_ML = 120.0
AIRWAY_RADIUS_MM = 13.0
"""No ball of this radius fits into trachea, larynx or pharynx; lung holds many."""
RECESS_MM = 26.0
"""So far from such a ball lung still counts as lung: its thin rims do, the neck does not."""
BONE_FROM_HU = 165
INNER_MARGIN_MM = 9.0
"""What lies deeper than this between and inside the lungs is heart, vessels and hilum."""
REACH_SIDEWAYS_MM = 36.0
REACH_DOWN_MM = 90.0
"""The lowest ribs hang beside liver and spleen, below the last slice with lung."""
REACH_UP_MM = 30.0


@dataclass(frozen=True, slots=True)
class Thorax:
    """What was recognised.

    bone_lps_mm: centres of the coarse blocks that hold bone of the thoracic cage. shape (n, 3)
    midline_x_mm: LPS x of the plane between the patient's left and right.
    """

    bone_lps_mm: NDArray[np.float64]
    midline_x_mm: float


def find_thorax(volume: Volume) -> Thorax:
    """Find lungs, and the bone around them.

    Raises:
        AnalysisError: `thorax-not-recognised` where there is too little lung or no bone beside it.
    """
    size = block_size(volume.spacing_mm)
    means = block_means(volume.voxels, size)
    spacing = np.array(volume.spacing_mm) * size
    lung = without_airways(lung_blocks(means, spacing), spacing, RECESS_MM)
    if not lung.any():
        raise AnalysisError("thorax-not-recognised", "airways only")
    bone = (means >= BONE_FROM_HU) & _cage(lung, spacing)
    if not bone.any():
        raise AnalysisError("thorax-not-recognised", "no bone beside the lungs")
    centre_of_block = (np.array(size) - 1) / 2
    bone_index = np.argwhere(bone) * np.array(size) + centre_of_block
    lung_x = volume.to_lps(np.argwhere(lung) * np.array(size) + centre_of_block)[:, 0]
    left, right = np.percentile(lung_x, (1, 99))
    return Thorax(volume.to_lps(bone_index), float(left + right) / 2)


def block_size(spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Voxels of one coarse block along each axis."""
    slices, rows, columns = (max(1, round(BLOCK_MM / each)) for each in spacing_mm)
    return (slices, rows, columns)


def block_means(voxels: NDArray[np.int16], size: tuple[int, int, int]) -> NDArray[np.float32]:
    """Mean of each whole block, slab by slab, so that no second full volume is needed."""
    slices, rows, columns = size
    count = np.array(voxels.shape) // np.array(size)
    means = np.empty(tuple(count), dtype=np.float32)
    for n in range(int(count[0])):
        slab = voxels[n * slices : (n + 1) * slices, : count[1] * rows, : count[2] * columns]
        total = np.zeros(count[1:], dtype=np.int32)
        for each in slab:
            for row, column in np.ndindex(rows, columns):
                total += each[row::rows, column::columns]
        means[n] = total
    means /= slices * rows * columns
    return means


def lung_blocks(means: NDArray[np.float32], spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Blocks of lung, with the airways that hang together with it.

    means: HU of blocks. spacing: mm between them.

    Raises:
        AnalysisError: `thorax-not-recognised`.
    """
    air = means < AIR_BELOW_HU
    lung = _lung_of(air, means, spacing)
    # Where nose or mouth are open, a lung hangs together with the air round the patient, and the
    # picture's edge may cut through another: either way finds what the other one loses.
    lung |= _lung_of(air & _inside(means), means, spacing)
    total = float(lung.sum() * np.prod(spacing)) / 1000
    if total < LUNG_TOTAL_ML:
        raise AnalysisError("thorax-not-recognised", f"{total:.0f} ml of lung")
    return lung


def _lung_of(
    air: NDArray[np.bool_], means: NDArray[np.float32], spacing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The pieces of air that are as large and as dense as lung."""
    pieces, count = ndimage.label(air)
    numbers = np.arange(1, count + 1)
    ml = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * float(np.prod(spacing)) / 1000
    large = numbers[ml >= LUNG_PIECE_ML]
    medians = ndimage.median(means, pieces, large) if large.size else np.empty(0)
    low, high = LUNG_MEDIAN_HU
    likely = large[(medians >= low) & (medians <= high)]
    likely_ml = ml[likely - 1]
    kept = likely[likely_ml >= LUNG_PIECE_SHARE * likely_ml.max(initial=0.0)]
    return np.asarray(np.isin(pieces, kept))


def _inside(means: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What tissue encloses, slice by slice: not where nose or mouth are open to the room."""
    pieces, _ = ndimage.label(means > TISSUE_FROM_HU)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    body = pieces == sizes.argmax()
    return np.stack([ndimage.binary_fill_holes(each) for each in body])


def without_airways(
    lung: NDArray[np.bool_], spacing: NDArray[np.float64], reach_mm: float
) -> NDArray[np.bool_]:
    """Lung that lies within `reach_mm` of a ball of `AIRWAY_RADIUS_MM` in it: no neck, no nose.

    Empty where no such ball fits. lung: blocks from `lung_blocks`. spacing: mm between them.
    """
    deep = ndimage.distance_transform_edt(lung, sampling=spacing) > AIRWAY_RADIUS_MM
    if not deep.any():
        return np.zeros_like(lung)
    from_deep = ndimage.distance_transform_edt(~deep, sampling=spacing)
    return np.asarray(lung & (from_deep <= reach_mm))


def _cage(lung: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The shell around the lungs: near them, not deep between them."""
    from_left = np.logical_or.accumulate(lung, axis=2)
    from_right = np.logical_or.accumulate(lung[:, :, ::-1], axis=2)[:, :, ::-1]
    filled = from_left & from_right
    inner = filled
    for axis in (1, 2):
        inner = ndimage.minimum_filter1d(inner, _odd(INNER_MARGIN_MM / spacing[axis]), axis=axis)
    near = filled
    for axis in (1, 2):
        near = ndimage.maximum_filter1d(near, _odd(REACH_SIDEWAYS_MM / spacing[axis]), axis=axis)
    down, up = (round(mm / spacing[0]) for mm in (REACH_DOWN_MM, REACH_UP_MM))
    window = down + up + 1
    near = ndimage.maximum_filter1d(near, window, axis=0, origin=window // 2 - down)
    return np.asarray(near & ~inner)


def _odd(radius: float) -> int:
    return 2 * max(1, round(radius)) + 1
