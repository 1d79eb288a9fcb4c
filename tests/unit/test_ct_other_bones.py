"""What the simulation promises of flat bones and of vertebral bodies, on shapes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.domain import Bone, FractureType
from appliance.imaging import Volume
from models.training.simulation.ct import break_rib
from models.training.simulation.other_bones import sites_on_bone
from models.training.simulation.vertebra import VertebralBody, bodies, wedge

SHAPE = (60, 60, 60)
SOFT_HU, BONE_HU = 40, 500
BODY = VertebralBody((30.0, 30.0, 30.0), 14.0, 12.0, 10.0)
"""A block of 28 x 24 x 20 mm; voxels are 1 mm."""


def _volume(bone: NDArray[np.bool_]) -> Volume:
    axes = np.zeros((3, 3))
    axes[2, 0] = axes[1, 1] = axes[0, 2] = 1.0
    voxels = np.where(bone, BONE_HU, SOFT_HU).astype(np.int16)
    return Volume(voxels, np.zeros(3), axes)


def _block(half: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Half extents along (z, y, x) round the middle."""
    away = np.abs(np.moveaxis(np.indices(SHAPE), 0, -1) - 30.0)
    return np.asarray((away <= np.array(half)).all(axis=-1))


def _height(voxels: NDArray[np.int16], y: int) -> int:
    return int((voxels[:, y, 30] > 250).sum())


@pytest.fixture(scope="module")
def plate() -> NDArray[np.bool_]:
    """As a sternum: 50 mm long, 30 mm wide, 7 mm thick."""
    return _block((25, 3, 15))


def test_sites_on_a_plate_lie_in_it_and_point_along_and_through_it(
    plate: NDArray[np.bool_],
) -> None:
    rng = np.random.default_rng(1)
    sites = list(sites_on_bone(_volume(plate), plate, Bone.STERNUM, count=5, rng=rng))
    assert len(sites) == 5
    for site in sites:
        assert plate[tuple(int(each) for each in site.centre_lps_mm[::-1])]
        assert abs(site.outward[1]) > 0.9, "its thin direction"
        assert abs(np.dot(site.along, site.outward)) < 1e-6
        assert site.bone is Bone.STERNUM


def test_a_plate_is_broken_across_all_its_width(plate: NDArray[np.bool_]) -> None:
    volume = _volume(plate)
    rng = np.random.default_rng(1)
    site = next(sites_on_bone(volume, plate, Bone.STERNUM, count=1, rng=rng))
    broken, _ = break_rib(
        volume, plate, site, FractureType.NON_DISPLACED, seed=3, displacement_mm=0
    )
    opened = (volume.voxels - broken.voxels) > 150
    assert np.ptp(np.argwhere(opened)[:, 2]) > 20


def test_where_there_is_no_bone_there_is_no_site(plate: NDArray[np.bool_]) -> None:
    nothing = np.zeros_like(plate)
    rng = np.random.default_rng(1)
    assert not list(sites_on_bone(_volume(plate), nothing, Bone.SCAPULA, count=2, rng=rng))


def test_a_wedge_loses_height_in_front_and_none_at_the_back() -> None:
    volume = _volume(_block((10, 12, 14)))
    pressed, made = wedge(volume, BODY, seed=2)
    before, after = volume.voxels, pressed.voxels
    lost = made.displacement_mm
    assert made.type is FractureType.COMPRESSION
    assert made.site.bone is Bone.VERTEBRA
    assert 0.2 * 20 <= lost <= 0.45 * 20
    assert _height(before, 19) - _height(after, 19) == pytest.approx(lost, abs=1.5)
    assert abs(_height(before, 41) - _height(after, 41)) <= 1


def test_a_wedge_leaves_what_is_below_and_far_away_alone() -> None:
    volume = _volume(_block((10, 12, 14)))
    pressed, _ = wedge(volume, BODY, seed=2)
    changed = np.argwhere(pressed.voxels != volume.voxels)
    assert len(changed) > 100
    assert changed[:, 0].min() >= 20
    assert np.abs(changed[:, 2] - 30).max() <= 14 + 6


def test_a_seed_makes_the_same_wedge_again() -> None:
    volume = _volume(_block((10, 12, 14)))
    first, again, other = (wedge(volume, BODY, seed=seed)[0].voxels for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_body_is_what_of_a_vertebra_lies_in_front_of_the_cord() -> None:
    mask = _block((10, 12, 14))
    mask[25:35, 40:58, 28:33] = True
    cord = np.zeros(SHAPE, dtype=bool)
    cord[:, 48:52, 28:33] = True
    (found,) = bodies(_volume(mask), [mask], cord)
    assert found.centre_lps_mm == pytest.approx((30, 30, 30), abs=2)
    assert found.half_height_mm == pytest.approx(10, abs=1)
    assert found.half_depth_mm == pytest.approx(12, abs=2)


def test_a_vertebra_cut_by_the_end_of_the_scan_has_no_body() -> None:
    mask = _block((40, 12, 14))
    cord = np.zeros(SHAPE, dtype=bool)
    cord[:, 48:52, 28:33] = True
    assert not list(bodies(_volume(mask), [mask], cord))
