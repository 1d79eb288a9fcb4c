"""Bones of real scans, named as a person counted them; needs the public images."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from appliance.imaging import Volume
from appliance.inference.anatomy.cage import find_cage
from models.training.anatomy.counts import counted
from models.training.anatomy.score import part, score
from models.training.data.volumes import read_dicom_folder

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "ct"
NECK = "tcga-e3-a3e5"
CROP = "totalsegmentator-crop"


def volume_of(patient: str, folder: Path, inside: str) -> Volume:
    archive = DATA / f"{patient}.tar.xz"
    if not archive.is_file():
        pytest.skip("the public CT scans are not beside this checkout")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    (volume,) = read_dicom_folder(folder / inside)
    return volume


@pytest.mark.slow
def test_the_first_ribs_of_a_neck_are_counted_as_by_eye(tmp_path: Path) -> None:
    volume = volume_of(NECK, tmp_path, f"ct/{NECK}")
    tally = score(volume, counted(NECK, 0))
    assert (tally.ribs, tally.sided, tally.numbered, tally.right) == (6, 6, 6, 6)
    above_second_rib = int(volume.to_index(np.array((0.0, 0.0, 395.0)))[0])
    cut = score(part(volume, 0, above_second_rib), counted(NECK, 0))
    assert (cut.ribs, cut.numbered) == (4, 0)


@pytest.mark.slow
def test_four_centimetres_from_the_middle_of_a_chest_tell_no_number(tmp_path: Path) -> None:
    cage = find_cage(volume_of(CROP, tmp_path, f"ct/{CROP}/dicom"))
    assert cage is None or all(rib.number is None for rib in cage.ribs)
