"""The reader `ct-bone-patches`, with networks whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.domain import Bone, FractureType, Side
from appliance.errors import AnalysisError, PackError
from appliance.imaging import Film, Volume
from appliance.inference.steps import reader
from appliance.inference.steps.ct_answers import normalised
from appliance.inference.steps.ct_bone_mask import find_thorax
from appliance.inference.steps.ct_bone_patches import read
from appliance.inference.steps.ct_marks import Mark, strongest_apart
from appliance.inference.steps.ct_tiles import covering_corners, cut_cube
from tests.simulators.thorax import MIDLINE_X_MM, thorax

Cubes = NDArray[np.float32]
PARAMETERS = {
    "label": "rib-fracture",
    "batch": 4,
    "cube": 48,
    "spacing_mm": 1.0,
    "margin": 4,
    "cell": 4,
    "floor": 0.3,
    "apart_mm": 16.0,
    "extent_mm": 25.0,
}
MARK_HU = 2500
CHEST = thorax()


def brightest(batch: Cubes) -> Cubes:
    """Scores each cell by its brightest voxel: 1 for what is at the window's upper end."""
    n = len(batch)
    cells = batch.reshape(n, 12, 4, 12, 4, 12, 4).max(axis=(2, 4, 6))
    return (0.2 + 0.7 * (cells > 0.99)).reshape(n, 1, 12, 12, 12).astype(np.float32)


def marked(*places: tuple[float, float, float]) -> Volume:
    voxels = CHEST.volume.voxels.copy()
    for place in places:
        z, y, x = np.rint(CHEST.volume.to_index(np.array(place))).astype(int)
        voxels[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = MARK_HU
    return replace(CHEST.volume, voxels=voxels)


def rib_place(side: Side) -> tuple[float, float, float]:
    offset = 115.0 if side is Side.LEFT else -115.0
    return (MIDLINE_X_MM + offset, -5.0, 81.0)


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_a_mark_on_a_rib_is_found_where_it_is_on_the_patients_side(side: Side) -> None:
    place = rib_place(side)
    (found,) = read(marked(place), brightest, PARAMETERS)
    assert np.linalg.norm(np.subtract(found.region.centre_lps_mm, place)) < 8
    assert (found.label, found.bone, found.side) == ("rib-fracture", Bone.RIB, side)
    assert found.rib_number is None
    assert found.score == pytest.approx(0.9)


def test_a_score_is_told_as_the_chance_that_the_pack_makes_of_it() -> None:
    """The floor is of what the network says: a calibration hides no mark."""
    pack = {**PARAMETERS, "slope": 2.0, "offset": -3.0, "floor": 0.85}
    (found,) = read(marked(rib_place(Side.LEFT)), brightest, pack)
    assert found.score == pytest.approx(1 / (1 + np.exp(3.0 - 2 * np.log(9))), abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slope": 0},
        {"slope": -1},
        {"offset": "nan"},
        {"slope": "a"},
        {"again": -1},
        {"later": 1},
        {"mirrored_from": "nan"},
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PackError) as raised:
        read(CHEST.volume, brightest, {**PARAMETERS, **wrong})
    assert raised.value.code == "reader-parameters"


def test_a_second_look_lets_the_middle_of_a_cube_decide() -> None:
    """Of a network that is unsure near the rim, and sees what is there in the middle only."""

    def shy(batch: Cubes) -> Cubes:
        answer = brightest(batch)
        sure = np.zeros((12, 12, 12), dtype=bool)
        sure[5:7, 5:7, 5:7] = True
        return np.where((answer > 0.5) & ~sure, np.float32(0.4), answer)

    place = rib_place(Side.LEFT)
    volume = marked(place)
    assert max(found.score for found in read(volume, shy, PARAMETERS)) < 0.5
    (found,) = read(volume, shy, {**PARAMETERS, "again": 5})
    assert found.score == pytest.approx(0.9)
    assert np.linalg.norm(np.subtract(found.region.centre_lps_mm, place)) < 8


def test_a_second_look_takes_back_what_was_not_there() -> None:
    seen = []

    def hasty(batch: Cubes) -> Cubes:
        """Marks a place in the first look; later cubes, in their middle and mirrored, show none."""
        seen.extend(batch)
        return brightest(batch) * np.float32(1.0 if len(seen) <= first else 0.3)

    volume = marked(rib_place(Side.LEFT))
    first = 10**6
    (found,) = read(volume, hasty, PARAMETERS)
    first = len(seen)
    seen.clear()
    assert read(volume, hasty, {**PARAMETERS, "again": 5}) == ()
    again = [cube for cube in seen[first:] if cube.max() > -1]  # the rest is filled up with air
    assert np.array_equal(again[0][0], np.flip(again[1][0], -1))
    assert found.score == pytest.approx(0.9)


@pytest.mark.parametrize(("mirrored_from", "cubes"), [(0.0, 2), (0.89, 2), (0.91, 1)])
def test_what_scores_little_is_not_looked_at_mirrored(mirrored_from: float, cubes: int) -> None:
    """A second look takes one cube, and a mirrored one where the first scored enough."""
    seen = 0

    def counted(batch: Cubes) -> Cubes:
        nonlocal seen
        seen += int((batch.max(axis=(1, 2, 3, 4)) > -1).sum())  # the rest is filled up with air
        return brightest(batch)

    volume = marked(rib_place(Side.LEFT))
    read(volume, counted, PARAMETERS)
    first, seen = seen, 0
    (found,) = read(volume, counted, {**PARAMETERS, "again": 5, "mirrored_from": mirrored_from})
    assert seen - first == cubes
    assert found.score == pytest.approx(0.9)


def test_only_the_highest_are_looked_at_again() -> None:
    left, right = rib_place(Side.LEFT), rib_place(Side.RIGHT)
    pack = {**PARAMETERS, "again": 1}
    assert len(read(marked(left, right), brightest, pack)) == 1


def test_two_marks_are_two_findings() -> None:
    assert (
        len(read(marked(rib_place(Side.LEFT), rib_place(Side.RIGHT)), brightest, PARAMETERS)) == 2
    )


def test_nothing_marked_is_an_empty_answer() -> None:
    bright = marked(rib_place(Side.LEFT))
    assert read(bright, lambda batch: brightest(batch) * np.float32(0.3), PARAMETERS) == ()


@pytest.mark.parametrize(
    "turn",
    [
        lambda v: Volume(
            v.voxels[:, ::-1, ::-1],
            v.to_lps(np.array([0.0, v.voxels.shape[1] - 1, v.voxels.shape[2] - 1])),
            v.axes * np.array([1, -1, -1]),
        ),
        lambda v: Volume(v.voxels.transpose(0, 2, 1), v.origin_lps_mm, v.axes[:, [0, 2, 1]]),
    ],
    ids=["prone", "transposed"],
)
def test_the_patients_frame_decides_not_the_order_of_the_voxels(
    turn: Callable[[Volume], Volume],
) -> None:
    place = rib_place(Side.LEFT)
    (found,) = read(turn(marked(place)), brightest, PARAMETERS)
    assert np.linalg.norm(np.subtract(found.region.centre_lps_mm, place)) < 8
    assert found.side is Side.LEFT


def test_marrow_and_cortex_of_every_rib_are_looked_at() -> None:
    seen = []

    def remember(batch: Cubes) -> Cubes:
        seen.append((batch[:, 0] > 0).sum())
        return brightest(batch)

    read(marked(rib_place(Side.LEFT)), remember, PARAMETERS)
    bright_mm3 = (CHEST.volume.voxels[CHEST.ribs] > 400).sum() * 12
    assert sum(seen) > 0.8 * bright_mm3


@pytest.mark.parametrize("hu", [-1000, 40, 0])
def test_what_is_no_thorax_is_refused_aloud(hu: int) -> None:
    empty = replace(CHEST.volume, voxels=np.full_like(CHEST.volume.voxels, hu))
    with pytest.raises(AnalysisError) as raised:
        read(empty, brightest, PARAMETERS)
    assert raised.value.code == "thorax-not-recognised"


def test_lungs_without_bone_are_refused_aloud() -> None:
    soft = replace(CHEST.volume, voxels=np.minimum(CHEST.volume.voxels, 60))
    with pytest.raises(AnalysisError, match="no bone"):
        read(soft, brightest, PARAMETERS)


@pytest.mark.parametrize("answer", [np.nan, np.inf, 0.0, 0.5, 1.5, -0.1])
def test_answers_that_no_working_network_gives_are_refused(answer: float) -> None:
    def broken(batch: Cubes) -> Cubes:
        result = np.full((len(batch), 1, 12, 12, 12), answer, dtype=np.float32)
        if abs(answer) > 1 or answer < 0:
            result[0, 0, 0, 0, 0] = 0.5
        return result

    with pytest.raises(AnalysisError) as raised:
        read(CHEST.volume, broken, PARAMETERS)
    assert raised.value.code == "network-answer-invalid"


TOLD = PARAMETERS | {"types": ["displaced", "non-displaced", "buckle"], "sure": [0.6, 0.7, None]}


def typed(*shares: float) -> Callable[[Cubes], Cubes]:
    """Scores as `brightest`, and everywhere the same probabilities of the types."""

    def answer(batch: Cubes) -> Cubes:
        scores = brightest(batch)
        types = np.broadcast_to(
            np.array(shares, dtype=np.float32)[:, None, None, None], (3, *[12] * 3)
        )
        return np.concatenate((scores, np.broadcast_to(types, (len(batch), *types.shape))), axis=1)

    return answer


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.7, 0.2, 0.1), FractureType.DISPLACED),
        ((0.1, 0.8, 0.1), FractureType.NON_DISPLACED),
        ((0.3, 0.65, 0.05), FractureType.UNSPECIFIED),
        ((0.0, 0.0, 1.0), FractureType.UNSPECIFIED),
        ((0.5, 0.3, 0.2), FractureType.UNSPECIFIED),
    ],
)
def test_a_type_is_told_only_where_it_is_sure(
    shares: tuple[float, ...], expected: FractureType
) -> None:
    (found,) = read(marked(rib_place(Side.LEFT)), typed(*shares), TOLD)
    assert found.type is expected
    assert found.score == pytest.approx(0.9)


@pytest.mark.parametrize("share", [np.nan, 1.5, -0.2])
def test_types_that_are_no_probabilities_are_refused(share: float) -> None:
    with pytest.raises(AnalysisError, match="network-answer-invalid"):
        read(CHEST.volume, typed(0.2, share, 0.1), TOLD)


def test_a_probability_that_was_rounded_above_one_is_none_above_one() -> None:
    def rounded(batch: Cubes) -> Cubes:
        answer = brightest(batch)
        return np.where(answer > 0.5, np.float32(1.00001), answer)

    (found,) = read(marked(rib_place(Side.LEFT)), rounded, PARAMETERS)
    assert 0.99 < found.score <= 1.0


def test_a_pack_without_types_refuses_a_network_with_them() -> None:
    with pytest.raises(AnalysisError, match="network-answer-invalid"):
        read(CHEST.volume, typed(0.2, 0.7, 0.1), PARAMETERS)


def test_the_same_score_everywhere_is_refused_whatever_the_types_say() -> None:
    def flat(batch: Cubes) -> Cubes:
        answer = typed(0.2, 0.7, 0.1)(batch)
        answer[:, 0] = 0.5
        return answer

    with pytest.raises(AnalysisError, match="network-answer-invalid"):
        read(CHEST.volume, flat, TOLD)


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(AnalysisError) as raised:
        read(CHEST.volume, lambda batch: batch, PARAMETERS)
    assert raised.value.code == "network-answer-invalid"


def test_a_film_is_no_volume() -> None:
    with pytest.raises(PackError) as raised:
        read(Film(np.zeros((9, 9), dtype=np.float32), None), brightest, PARAMETERS)
    assert raised.value.code == "reader-image"


@pytest.mark.parametrize(
    "wrong",
    [
        {"cube": "large"},
        {"batch": 0},
        {"margin": 24},
        {"cell": 5},
        {"spacing_mm": 0},
        {"types": ["torn"], "sure": [0.6]},
        {"types": "buckle", "sure": [0.6]},
        {"types": ["buckle"], "sure": 0.6},
        {"types": ["buckle"]},
        {"types": ["buckle"], "sure": [0]},
    ],
)
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PackError) as raised:
        read(CHEST.volume, brightest, PARAMETERS | wrong)
    assert raised.value.code == "reader-parameters"


def test_packs_find_the_reader_by_its_name() -> None:
    assert reader("ct-bone-patches") is read


def test_the_midline_is_the_patients() -> None:
    assert find_thorax(CHEST.volume).midline_x_mm == pytest.approx(MIDLINE_X_MM, abs=3)


def with_neck(*, open_to_the_room: bool) -> Volume:
    """The chest below a neck with spine and airway, which ends in the room or below the top."""
    chest = CHEST.volume
    slices = 50
    voxels = np.full((chest.voxels.shape[0] + slices, *chest.voxels.shape[1:]), -1000, np.int16)
    voxels[:-slices] = chest.voxels
    index = np.indices((1, *chest.voxels.shape[1:]), dtype=np.float64)
    place = chest.to_lps(np.moveaxis(index, 0, -1))[0]
    x, y = place[..., 0] - MIDLINE_X_MM, place[..., 1] + 5
    neck = voxels[-slices - 8 :]
    neck[:8, (np.abs(x) < 40) & (np.abs(y) < 8)] = -900
    above = voxels[-slices:]
    above[:, np.hypot(x, y) < 65] = 40
    above[:, np.hypot(x, y - 45) < 15] = 500
    top = slices if open_to_the_room else slices - 4
    above[:top, np.hypot(x, y) < 8] = -990
    if open_to_the_room:
        above[-8:, (np.abs(x) < 6) & (y < 0)] = -1000
    return replace(chest, voxels=voxels)


@pytest.mark.parametrize("open_to_the_room", [True, False], ids=["mouth open", "mouth closed"])
def test_the_neck_is_not_looked_at_and_the_lungs_below_it_are(*, open_to_the_room: bool) -> None:
    top_of_chest = CHEST.volume.voxels.shape[0] * 3.0
    usual = find_thorax(CHEST.volume).bone_lps_mm
    found = find_thorax(with_neck(open_to_the_room=open_to_the_room)).bone_lps_mm
    assert found[:, 2].max() < top_of_chest + 70
    for side in (-1, 1):
        of_side = side * (found[:, 0] - MIDLINE_X_MM) > 60
        expected = side * (usual[:, 0] - MIDLINE_X_MM) > 60
        assert of_side.sum() >= 0.9 * expected.sum()


def test_airways_alone_are_no_thorax() -> None:
    neck = with_neck(open_to_the_room=False)
    start = CHEST.volume.voxels.shape[0] + 2
    above = Volume(
        np.repeat(neck.voxels[start:], 6, axis=0),
        neck.to_lps(np.array([float(start), 0.0, 0.0])),
        neck.axes,
    )
    with pytest.raises(AnalysisError, match="thorax-not-recognised"):
        find_thorax(above)


def test_cubes_cover_every_point() -> None:
    points = np.random.default_rng(0).uniform(0, 300, (500, 3))
    corners = covering_corners(points, 40.0)
    inside = (points[:, None] >= corners) & (points[:, None] <= corners + 40.0)
    assert inside.all(axis=2).any(axis=1).all()
    assert len(corners) <= 8**3


def test_a_cube_of_a_tilted_grid_lies_in_the_patients_frame() -> None:
    tilt = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    axes = turn @ np.array([[0, 0, 1.0], [0, 1.0, 0], [2.0, 0, 0]])
    blank = Volume(np.zeros((40, 80, 80), dtype=np.int16), np.array([-40.0, -10.0, 5.0]), axes)
    place = blank.to_lps(np.moveaxis(np.indices(blank.voxels.shape, dtype=float), 0, -1))
    ramp = replace(blank, voxels=np.rint(place @ (3.0, 5.0, 7.0)).astype(np.int16))
    corner = blank.to_lps(np.array([20.0, 40.0, 40.0])) - 5
    cube = cut_cube(ramp, corner, 11, 1.0)
    z, y, x = np.indices((11, 11, 11))
    expected = corner @ (3.0, 5.0, 7.0) + 3.0 * x + 5.0 * y + 7.0 * z
    assert np.abs(cube - expected).max() < 1


def test_thin_slices_are_averaged_not_dropped() -> None:
    noise = np.random.default_rng(0).normal(0, 100, (120, 40, 40)).astype(np.int16)
    thin = Volume(noise, np.zeros(3), np.array([[0, 0, 1.0], [0, 1.0, 0], [0.25, 0, 0]]))
    assert cut_cube(thin, np.zeros(3), 24, 1.0).std() < 70


def test_the_window_ends_at_minus_one_and_one() -> None:
    assert normalised(np.array([-2000, -500, 400, 1300, 3000], dtype=np.float32)).tolist() == [
        -1,
        -1,
        0,
        1,
        1,
    ]


def test_of_near_marks_the_highest_stays() -> None:
    untold = np.empty(0, dtype=np.float32)
    marks = [
        Mark(score, np.array([x, 0.0, 0.0]), untold)
        for score, x in ((0.5, 0), (0.9, 10), (0.6, 40))
    ]
    assert [mark.score for mark in strongest_apart(marks, 16.0)] == [0.9, 0.6]
    assert strongest_apart([], 16.0) == []
