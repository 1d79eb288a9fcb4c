"""RibFrac's format: for each scan `ID-image.nii.gz` and `ID-label.nii.gz`, and CSVs for all.

A CSV has the columns `public_id`, `label_id` and `label_code`: in the label volume of `public_id`
the voxels that are `label_id` are one fracture of the kind `label_code`. Each scan has a row for
the background (0, 0), so that an intact scan is listed too. One scan is one patient.
Source: ribfrac.grand-challenge.org, "Dataset"; Jin et al., EBioMedicine 62 (2020).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.domain import Bone, FractureType, Vector
from appliance.errors import LabelledSetError
from appliance.evaluation import Lesion, Within
from appliance.imaging import Volume
from appliance.labelled.cases import Labelled, LabelledCase, LabelledSet, Loaded
from appliance.labelled.nifti import read_labels, read_volume

COLUMNS: Final = ("public_id", "label_id", "label_code")
HIT: Final = Within(5.0)
"""From the centre of a mark to the nearest labelled voxel: labels are drawn round the fracture."""
_TYPES: Final = MappingProxyType(
    {
        -1: FractureType.UNSPECIFIED,
        1: FractureType.DISPLACED,
        2: FractureType.NON_DISPLACED,
        3: FractureType.BUCKLE,
        4: FractureType.SEGMENTAL,
    }
)
"""-1: a fracture whose kind could not be told."""
_BACKGROUND: Final = 0
_GRAIN_MM: Final = 2.0
"""One labelled voxel is kept in each cube of this size; far below what counts as a hit."""
_THICKNESS_MM: Final = ((1.25, "up to 1.25 mm"), (2.5, "1.25 to 2.5 mm"))


def ribfrac_set(folder: Path, tables: Sequence[Path]) -> LabelledSet:
    """The set that these CSVs list; volumes may lie in the folder or in subfolders.

    Raises:
        LabelledSetError: `labelled-table-invalid`, `labelled-file-missing`.
    """
    listed: dict[str, dict[int, int]] = {}
    rows: dict[str, int] = {}
    for number, (name, label, code) in enumerate(_rows(tables), start=1):
        labels = listed.setdefault(name, {})
        rows.setdefault(name, number)
        if label in labels or (label == _BACKGROUND) != (code == _BACKGROUND):
            raise LabelledSetError("labelled-table-invalid", f"row {number}")
        labels[label] = code
    cases = []
    for name, labels in listed.items():
        image = _the_file(folder, f"{name}-image", rows[name])
        mask = _the_file(folder, f"{name}-label", rows[name])
        kinds = {label: _TYPES[code] for label, code in labels.items() if label != _BACKGROUND}
        load = partial(_load, image, mask, kinds)
        cases.append(LabelledCase(name, name, (image, mask), load))
    return LabelledSet(Labelled.RIBFRAC, "volume", HIT, tuple(tables), tuple(cases))


def _rows(tables: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    number = 0
    for table in tables:
        try:
            with table.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                if not set(COLUMNS) <= set(reader.fieldnames or ()):
                    raise LabelledSetError("labelled-table-invalid", "columns")
                for row in reader:
                    number += 1
                    yield _row(row, number)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise LabelledSetError("labelled-table-invalid", type(error).__name__) from None


def _row(row: dict[str, str], number: int) -> tuple[str, int, int]:
    try:
        name, label, code = str(row["public_id"]), int(row["label_id"]), int(row["label_code"])
    except (TypeError, ValueError):
        raise LabelledSetError("labelled-table-invalid", f"row {number}") from None
    is_plain = bool(name) and name == Path(name).name and not set(name) & set("*?[]")
    if not is_plain or label < 0 or code not in {_BACKGROUND, *_TYPES}:
        raise LabelledSetError("labelled-table-invalid", f"row {number}")
    return name, label, code


def _the_file(folder: Path, stem: str, row: int) -> Path:
    found = [*folder.rglob(f"{stem}.nii.gz"), *folder.rglob(f"{stem}.nii")]
    if len(found) != 1:
        raise LabelledSetError("labelled-file-missing", f"row {row}: {len(found)} files")
    return found[0]


def _load(image: Path, mask: Path, kinds: dict[int, FractureType]) -> Loaded:
    volume = read_volume(image)
    labels = read_labels(mask, volume)
    there = set(np.unique(labels).tolist()) - {_BACKGROUND}
    if there != kinds.keys():
        raise LabelledSetError(
            "labelled-label-unlisted", f"{len(there)} in the volume, {len(kinds)} in the table"
        )
    lesions = tuple(
        Lesion(
            _places(volume, labels == label),
            {"bone": Bone.RIB.value, "type": kinds[label].value},
        )
        for label in sorted(kinds)
    )
    return Loaded(volume, lesions, {"thickness": thickness_class(volume.spacing_mm[0])})


def thickness_class(slice_increment_mm: float) -> str:
    """How reports group scans by the distance between slices."""
    for most, name in _THICKNESS_MM:
        if slice_increment_mm <= most:
            return name
    return f"over {_THICKNESS_MM[-1][0]} mm"


def _places(volume: Volume, mask: NDArray[np.bool_]) -> tuple[Vector, ...]:
    """Labelled voxels in LPS mm, thinned out."""
    points = volume.to_lps(np.argwhere(mask).astype(np.float64))
    _, first = np.unique(np.floor(points / _GRAIN_MM), axis=0, return_index=True)
    return tuple((float(x), float(y), float(z)) for x, y, z in points[np.sort(first)])
