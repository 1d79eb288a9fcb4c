"""NIfTI-1 files, plain or gzipped: as much of the format as CT volumes and label maps use.

Source: nifti1.h of the NIfTI Data Format Working Group (nifti.nimh.nih.gov), which gives each
field's offset. Its world axes are R, A, S; ours are DICOM's L, P, S.
"""

from __future__ import annotations

import gzip
import itertools
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from appliance.errors import LabelledSetError
from appliance.imaging import Volume

_HEADER_BYTES: Final = 348
_SIZE_LITTLE_ENDIAN: Final = struct.pack("<i", _HEADER_BYTES)
_MAGIC: Final = b"n+1\0"
_TYPES: Final = MappingProxyType(
    {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
)
_MOST_VOXELS: Final = 2**30
_MOST_EXTENSION_BYTES: Final = 2**24
_DIMENSIONS: Final = 3
_SAME_MM: Final = 0.1
_UNITS: Final = frozenset({0, 2})
"""Not said, or millimetres."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """voxels: shape (slices, rows, columns) along (S, P, L); origin and axes as in `Volume`."""

    voxels: NDArray[Any]
    origin_lps_mm: NDArray[np.float64]
    axes: NDArray[np.float64]


def read_volume(path: Path) -> Volume:
    """A CT in Hounsfield units, turned so that its arrays run towards S, P and L.

    Raises:
        LabelledSetError: `labelled-volume-invalid`.
    """
    grid = _read(path)
    if np.can_cast(grid.voxels.dtype, np.int16):  # nearly always; and volumes are large
        return Volume(grid.voxels.astype(np.int16), grid.origin_lps_mm, grid.axes)
    if not np.isfinite(grid.voxels).all():
        raise LabelledSetError("labelled-volume-invalid", "not finite")
    limits = np.iinfo(np.int16)
    hu = np.clip(np.rint(grid.voxels), limits.min, limits.max).astype(np.int16)
    return Volume(hu, grid.origin_lps_mm, grid.axes)


def read_labels(path: Path, volume: Volume) -> NDArray[np.int32]:
    """The label of each voxel of a volume.

    Raises:
        LabelledSetError: `labelled-volume-invalid`; `labelled-grid-differs` where it describes
            another grid than the volume's.
    """
    grid = _read(path)
    corners = np.array(grid.voxels.shape, np.float64) - 1
    if grid.voxels.shape != volume.voxels.shape or not (
        np.allclose(grid.origin_lps_mm, volume.origin_lps_mm, atol=_SAME_MM)
        and np.allclose(grid.axes * corners, volume.axes * corners, atol=_SAME_MM)
    ):
        raise LabelledSetError("labelled-grid-differs")
    is_whole = grid.voxels.dtype.kind != "f" or np.array_equal(np.rint(grid.voxels), grid.voxels)
    if not is_whole:
        raise LabelledSetError("labelled-volume-invalid", "labels that are no whole numbers")
    found: NDArray[np.int32] = grid.voxels.astype(np.int32)
    return found


def _read(path: Path) -> _Grid:
    try:
        with _opened(path) as file:
            return _parsed(file)
    except FileNotFoundError:
        raise LabelledSetError("labelled-file-missing") from None
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise LabelledSetError("labelled-volume-invalid", type(error).__name__) from None


def _opened(path: Path) -> BinaryIO:
    # A gzip file is read like any binary file, whatever the type stubs say.
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _parsed(file: BinaryIO) -> _Grid:
    header = file.read(_HEADER_BYTES)
    order: Literal["<", ">"] = "<" if header[:4] == _SIZE_LITTLE_ENDIAN else ">"
    if struct.unpack_from(f"{order}i", header)[0] != _HEADER_BYTES or header[344:] != _MAGIC:
        raise LabelledSetError("labelled-volume-invalid", "not NIfTI-1")
    dims = struct.unpack_from(f"{order}8h", header, 40)
    kind = _TYPES.get(struct.unpack_from(f"{order}h", header, 70)[0])
    offset, slope, intercept = struct.unpack_from(f"{order}3f", header, 108)
    shape = dims[1 : _DIMENSIONS + 1]
    is_volume = dims[0] >= _DIMENSIONS and set(dims[_DIMENSIONS + 1 : dims[0] + 1]) <= {1}
    count = math.prod(shape)
    if not is_volume or min(shape) < 1 or count > _MOST_VOXELS or kind is None:
        raise LabelledSetError("labelled-volume-invalid", "another kind of array")
    if header[123] & 7 not in _UNITS:
        raise LabelledSetError("labelled-volume-invalid", "another unit than mm")
    if not _HEADER_BYTES <= offset <= _MOST_EXTENSION_BYTES:
        raise LabelledSetError("labelled-volume-invalid", "its array begins nowhere")
    file.read(int(offset) - _HEADER_BYTES)
    content = file.read(count * np.dtype(kind).itemsize)
    stored = np.frombuffer(content, np.dtype(kind).newbyteorder(order)).reshape(shape[::-1])
    if math.isfinite(slope) and slope != 0 and (slope, intercept) != (1, 0):
        stored = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return _canonical(stored, _affine(header, order))


def _affine(header: bytes, order: str) -> NDArray[np.float64]:
    """Voxel (i, j, k, 1) → LPS mm, shape (3, 4)."""
    qform, sform = struct.unpack_from(f"{order}2h", header, 252)
    if sform > 0:
        ras = np.array(struct.unpack_from(f"{order}12f", header, 280)).reshape(3, 4)
    elif qform > 0:
        ras = _from_quaternion(header, order)
    else:
        raise LabelledSetError("labelled-volume-invalid", "it does not say where it lies")
    lps: NDArray[np.float64] = ras.astype(np.float64) * np.array([[-1.0], [-1.0], [1.0]])
    if not np.isfinite(lps).all() or abs(np.linalg.det(lps[:, :3])) < 1e-6:  # noqa: PLR2004
        raise LabelledSetError("labelled-volume-invalid", "it does not say where it lies")
    return lps


def _from_quaternion(header: bytes, order: str) -> NDArray[np.float64]:
    """Method 2 of nifti1.h."""
    sign, *pixdim = struct.unpack_from(f"{order}4f", header, 76)
    b, c, d, x, y, z = struct.unpack_from(f"{order}6f", header, 256)
    a = math.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    steps = np.array(pixdim) * np.array([1.0, 1.0, -1.0 if sign < 0 else 1.0])
    return np.column_stack([turn * steps, [x, y, z]])


def _canonical(stored: NDArray[Any], affine: NDArray[np.float64]) -> _Grid:
    """stored: (k, j, i). Its axes are put in the order (S, P, L) and turned to run that way."""
    origin, axes = affine[:, 3].copy(), affine[:, 2::-1].copy()
    along = np.abs(axes / np.linalg.norm(axes, axis=0))
    order = max(
        itertools.permutations(range(3)),
        key=lambda order: sum(along[2 - place, axis] for place, axis in enumerate(order)),
    )
    turned, axes = stored.transpose(order), axes[:, list(order)]
    for place in range(3):
        if axes[2 - place, place] < 0:
            turned = np.flip(turned, place)
            origin += axes[:, place] * (turned.shape[place] - 1)
            axes[:, place] *= -1
    return _Grid(np.ascontiguousarray(turned), origin, axes)
