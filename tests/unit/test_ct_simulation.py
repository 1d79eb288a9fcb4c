"""What the simulation of rib fractures promises, on a chest made of shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from appliance.domain import Bone, FractureType, Side
from models.training.data.dicom_series import write_series
from models.training.simulation.ct import bend_rib, break_rib
from models.training.simulation.lungs import Lungs
from models.training.simulation.rib_mask import cage_bone_mask
from models.training.simulation.rib_sites import RibSite, sites_on_ribs
from models.training.simulation.variations import COMMINUTED, EARLY_CALLUS, Variation
from tests.simulators.thorax import MIDLINE_X_MM, Thorax, thorax

KINDS = [
    FractureType.DISPLACED,
    FractureType.NON_DISPLACED,
    FractureType.BUCKLE,
    FractureType.SEGMENTAL,
]


@pytest.fixture(scope="module")
def chest() -> Thorax:
    return thorax()


@pytest.fixture(scope="module")
def site(chest: Thorax) -> RibSite:
    return next(_sites(chest, 1, seed=4))


def _sites(chest: Thorax, count: int, seed: int) -> Iterator[RibSite]:
    return sites_on_ribs(
        chest.volume,
        chest.ribs,
        axis_x_mm=MIDLINE_X_MM,
        axis_y_mm=0.0,
        count=count,
        rng=np.random.default_rng(seed),
        side=Side.LEFT,
        rib_number=7,
    )


def test_sites_lie_on_ribs_and_point_along_them_and_outward(chest: Thorax) -> None:
    sites = list(_sites(chest, 8, seed=1))
    assert len(sites) == 8
    for site in sites:
        index = np.rint(chest.volume.to_index(np.array(site.centre_lps_mm))).astype(int)
        assert chest.ribs[tuple(index)]
        assert abs(site.along[2]) < 0.3, "these ribs are level"
        assert abs(np.dot(site.along, site.outward)) < 1e-6
        assert np.dot(site.outward[:2], np.array(site.centre_lps_mm[:2]) - (MIDLINE_X_MM, 0)) > 0
        assert (site.bone, site.side, site.rib_number) == (Bone.RIB, Side.LEFT, 7)


def test_a_rib_lies_beside_lung_and_a_bone_farther_out_does_not(
    chest: Thorax, site: RibSite
) -> None:
    lungs = Lungs.of(chest.volume)
    assert lungs.are_beside(site)
    farther = np.array(site.centre_lps_mm) + 14 * np.array(site.outward)
    x, y, z = (float(each) for each in farther)
    assert not lungs.are_beside(replace(site, centre_lps_mm=(x, y, z)))


def test_cartilage_beside_an_airway_is_no_rib(chest: Thorax) -> None:
    voxels = chest.volume.voxels.copy()
    # A larynx: a tube of air above both lungs, hanging together with them.
    index = np.indices(voxels.shape)
    place = chest.volume.to_lps(np.moveaxis(index, 0, -1).astype(float))
    x, y, z = (place[..., each] for each in range(3))
    voxels[z > 90] = 40
    tube = (np.hypot(x - MIDLINE_X_MM, y) < 9) & (z > 60)
    bronchi = (z > 60) & (z < 66) & (np.abs(y) < 6) & (np.abs(x - MIDLINE_X_MM) < 40)
    voxels[tube | bronchi] = -900
    lungs = Lungs.of(replace(chest.volume, voxels=voxels))
    beside = RibSite((MIDLINE_X_MM, -12.0, 115.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
    assert lungs.blocks.any()
    assert not lungs.are_beside(beside)


def test_where_there_is_no_bone_there_is_no_site(chest: Thorax) -> None:
    nothing = np.zeros_like(chest.ribs)
    rng = np.random.default_rng(0)
    assert not list(
        sites_on_ribs(chest.volume, nothing, axis_x_mm=0, axis_y_mm=0, count=3, rng=rng)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_surroundings_of_the_site_change(
    chest: Thorax, site: RibSite, kind: FractureType
) -> None:
    broken, fracture = break_rib(chest.volume, chest.ribs, site, kind, seed=3)
    changed = np.argwhere(broken.voxels != chest.volume.voxels)
    assert len(changed) > 50
    away = chest.volume.to_lps(changed.astype(float)) - np.array(site.centre_lps_mm)
    assert np.abs(away).max() < 40
    assert fracture.type is kind
    assert len(fracture.centres_lps_mm) == (2 if kind is FractureType.SEGMENTAL else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_makes_the_same_fracture_again_and_another_seed_another(
    chest: Thorax, site: RibSite, kind: FractureType
) -> None:
    first, _ = break_rib(chest.volume, chest.ribs, site, kind, seed=3)
    again, _ = break_rib(chest.volume, chest.ribs, site, kind, seed=3)
    other, _ = break_rib(chest.volume, chest.ribs, site, kind, seed=4)
    assert np.array_equal(first.voxels, again.voxels)
    assert not np.array_equal(first.voxels, other.voxels)


def test_the_intact_volume_is_left_alone(chest: Thorax, site: RibSite) -> None:
    before = chest.volume.voxels.copy()
    break_rib(chest.volume, chest.ribs, site, FractureType.DISPLACED, seed=3)
    assert np.array_equal(before, chest.volume.voxels)


def test_a_gap_is_soft_tissue_across_the_bone(chest: Thorax, site: RibSite) -> None:
    broken, fracture = break_rib(
        chest.volume, chest.ribs, site, FractureType.NON_DISPLACED, seed=5, displacement_mm=0
    )
    assert fracture.displacement_mm == 0
    change = broken.voxels.astype(int) - chest.volume.voxels
    assert (change[chest.ribs] < -150).sum() >= 5
    assert change[chest.ribs].max() <= 30


def test_displaced_bone_is_where_it_was_not_before(chest: Thorax, site: RibSite) -> None:
    broken, fracture = break_rib(
        chest.volume, chest.ribs, site, FractureType.DISPLACED, seed=3, displacement_mm=6
    )
    assert fracture.displacement_mm == pytest.approx(6)
    assert ((broken.voxels > 500) & (chest.volume.voxels < 200)).sum() > 10


def test_a_buckle_keeps_the_bone_in_one_piece(chest: Thorax, site: RibSite) -> None:
    broken, _ = break_rib(chest.volume, chest.ribs, site, FractureType.BUCKLE, seed=3)
    before, after = (volume.voxels > 400 for volume in (chest.volume, broken))
    assert abs(int(after.sum()) - int(before.sum())) < 0.15 * before.sum()


def test_a_bent_rib_is_moved_and_not_opened(chest: Thorax, site: RibSite) -> None:
    bent = bend_rib(chest.volume, chest.ribs, site, seed=2)
    assert not np.array_equal(bent.voxels, chest.volume.voxels)
    assert bent.voxels.min() >= chest.volume.voxels.min()


def test_a_site_off_the_bone_is_an_error(chest: Thorax, site: RibSite) -> None:
    off = RibSite((MIDLINE_X_MM, 0.0, 60.0), site.along, site.outward)
    with pytest.raises(ValueError, match="no bone"):
        break_rib(chest.volume, chest.ribs, off, FractureType.DISPLACED, seed=1)


def test_a_kind_that_is_not_simulated_is_an_error(chest: Thorax, site: RibSite) -> None:
    with pytest.raises(ValueError, match="not simulated"):
        break_rib(chest.volume, chest.ribs, site, FractureType.COMPRESSION, seed=1)


def test_ribs_are_found_without_labels(chest: Thorax) -> None:
    found = cage_bone_mask(chest.volume)
    assert (found & chest.ribs).sum() > 0.8 * chest.ribs.sum()


def test_a_series_is_written_as_the_volume_lies(chest: Thorax, tmp_path: Path) -> None:
    paths = write_series(chest.volume, tmp_path, patient_name="Made^Up", patient_id="SIM-1", seed=1)
    assert len(paths) == chest.volume.voxels.shape[0]
    low, high = pydicom.dcmread(paths[0]), pydicom.dcmread(paths[-1])
    assert high.ImagePositionPatient[2] - low.ImagePositionPatient[2] == pytest.approx(43 * 3)
    assert low.SeriesInstanceUID == high.SeriesInstanceUID
    assert low.SOPInstanceUID != high.SOPInstanceUID
    hu = low.pixel_array * float(low.RescaleSlope) + float(low.RescaleIntercept)
    assert np.array_equal(hu, np.clip(chest.volume.voxels[0], -1024, 3071))


def test_a_seed_names_the_study(chest: Thorax, tmp_path: Path) -> None:
    def written(folder: str, seed: int) -> pydicom.Dataset:
        paths = write_series(
            chest.volume, tmp_path / folder, patient_name="Made^Up", patient_id="1", seed=seed
        )
        return pydicom.dcmread(paths[0])

    first, again, other = written("a", 1), written("b", 1), written("c", 2)
    assert first == again
    assert first.StudyInstanceUID != other.StudyInstanceUID


@pytest.mark.parametrize("kind", [FractureType.DISPLACED, FractureType.SEGMENTAL])
def test_a_fragment_lies_by_the_break_and_changes_nothing_else(
    chest: Thorax, site: RibSite, kind: FractureType
) -> None:
    simple, fracture = break_rib(chest.volume, chest.ribs, site, kind, seed=3)
    broken, comminuted = break_rib(
        chest.volume, chest.ribs, site, kind, seed=3, variation=COMMINUTED
    )
    assert replace(comminuted, variation=fracture.variation) == fracture
    changed = np.argwhere(np.abs(broken.voxels.astype(int) - simple.voxels) > 60)
    assert len(changed) > 5
    away = chest.volume.to_lps(changed.astype(float)) - np.array(site.centre_lps_mm)
    assert np.abs(away @ np.array(site.along)).max() < 20


def test_callus_is_cloudy_bone_round_the_break_and_fills_its_gap(
    chest: Thorax, site: RibSite
) -> None:
    kind = FractureType.NON_DISPLACED
    fresh, fracture = break_rib(chest.volume, chest.ribs, site, kind, seed=3)
    healing, healed = break_rib(
        chest.volume, chest.ribs, site, kind, seed=3, variation=EARLY_CALLUS
    )
    assert replace(healed, variation=fracture.variation) == fracture
    raised = healing.voxels.astype(int) - fresh.voxels
    assert raised.min() >= -1, "callus never darkens"
    changed = np.argwhere(raised > 40)
    away = chest.volume.to_lps(changed.astype(float)) - np.array(site.centre_lps_mm)
    assert len(changed) > 20
    assert np.linalg.norm(away, axis=1).max() < 25
    outside = ~chest.ribs[tuple(changed.T)]
    assert outside.any(), "a cuff round the bone"
    assert healing.voxels[tuple(changed.T)].max() < 500, "not as dense as cortex"


@pytest.mark.parametrize("variation", [COMMINUTED, EARLY_CALLUS])
def test_a_buckle_has_neither_fragment_nor_callus(
    chest: Thorax, site: RibSite, variation: Variation
) -> None:
    with pytest.raises(ValueError, match=variation.name):
        break_rib(chest.volume, chest.ribs, site, FractureType.BUCKLE, seed=3, variation=variation)
