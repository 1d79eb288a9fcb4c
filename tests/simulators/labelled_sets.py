"""Labelled sets as other programs write them: RibFrac by SimpleITK, COCO as plain JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from PIL import Image

from appliance.imaging import Volume


def write_nifti(voxels: NDArray[Any], volume: Volume, path: Path, orient: str = "LPS") -> None:
    """An array on the grid of a volume, stored with its axes turned to `orient`."""
    image = SimpleITK.GetImageFromArray(voxels)
    spacing = np.array(volume.spacing_mm)
    image.SetSpacing([float(each) for each in spacing[::-1]])
    image.SetOrigin([float(each) for each in volume.origin_lps_mm])
    image.SetDirection([float(each) for each in (volume.axes / spacing)[:, ::-1].ravel()])
    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(SimpleITK.DICOMOrient(image, orient), str(path), useCompression=True)


def write_scan(
    folder: Path, name: str, volume: Volume, labels: NDArray[np.uint8], orient: str = "RAS"
) -> None:
    """`NAME-image.nii.gz` and `NAME-label.nii.gz`, in RibFrac's own orientation."""
    write_nifti(volume.voxels, volume, folder / f"{name}-image.nii.gz", orient)
    write_nifti(labels, volume, folder / f"{name}-label.nii.gz", orient)


def write_table(folder: Path, rows: Sequence[tuple[object, object, object]]) -> Path:
    """The CSV of a RibFrac set."""
    path = folder / "set-info.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("public_id", "label_id", "label_code"))
        table.writerows(rows)
    return path


def coco(films: Mapping[str, Sequence[Sequence[float]]], **of_images: object) -> dict[str, Any]:
    """The content of a COCO file: film → its boxes."""
    notes = [
        {"id": n, "image_id": image, "category_id": 1, "bbox": [*box]}
        for image, boxes in enumerate(films.values())
        for n, box in enumerate(boxes)
    ]
    return {
        "images": [
            {"id": number, "file_name": name, **of_images} for number, name in enumerate(films)
        ],
        "annotations": notes,
        "categories": [{"id": 1, "name": "fracture"}],
    }


def write_coco(folder: Path, content: object) -> Path:
    """The COCO file itself."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


def write_picture(path: Path, pixels: NDArray[Any]) -> None:
    """A PNG of that depth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
