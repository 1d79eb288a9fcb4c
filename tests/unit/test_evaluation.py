"""Figures of detectors, worked by hand."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from appliance.domain import Bone, Detection, FilmRegion, Side, VolumeRegion
from appliance.evaluation import (
    TITLES,
    Exam,
    Lesion,
    Overlap,
    Scored,
    Within,
    auc,
    average_precision,
    by_exam,
    by_lesion,
    calibration_error,
    confusion,
    exam_outcomes,
    false_positives,
    froc,
    interval,
    lesion_sensitivity,
    mark_outcomes,
    mark_precision,
    mark_recall,
    mean_sensitivity,
    named_right,
    reliability,
    score,
    sensitivity,
    sensitivity_at,
    specificity,
    summary,
    threshold_for_false_positives,
    threshold_for_specificity,
)

MM = Within(10.0)
HALF = Overlap(0.5)


def mark(score: float, x: float = 0.0, side: Side = Side.UNDETERMINED) -> Detection:
    region = VolumeRegion((x, 0.0, 0.0), (20.0, 20.0, 20.0))
    return Detection("fracture", score, region, bone=Bone.RIB, side=side)


def lesion(*xs: float, **attributes: str) -> Lesion:
    return Lesion(tuple((x, 0.0, 0.0) for x in xs), attributes)


def scan(
    lesions: tuple[Lesion, ...], *marks: Detection, patient: str = "p", name: str = "scan"
) -> Scored:
    return score(Exam(patient, name, lesions, marks), MM)


def box(left: float, right: float) -> FilmRegion:
    return FilmRegion(left, 0.0, right, 10.0)


def film(boxes: tuple[FilmRegion, ...], *marks: tuple[float, FilmRegion]) -> Scored:
    said = tuple(Detection("fracture", certainty, region) for certainty, region in marks)
    return score(Exam("p", "film", tuple(Lesion(each) for each in boxes), said), HALF)


# Two lesions, one found at 0.9 and one at 0.5; false marks at 0.8 (in the fractured scan),
# and at 0.6 and 0.3 (in intact ones).
THREE = (
    scan(
        (lesion(0, type="displaced"), lesion(100, type="buckle")),
        mark(0.9),
        mark(0.5, 105),
        mark(0.8, 50),
    ),
    scan((), mark(0.6), patient="q"),
    scan((), mark(0.3), patient="r"),
)


def test_the_curve_is_the_one_drawn_by_hand() -> None:
    curve = froc(THREE)
    assert curve.thresholds.tolist() == [math.inf, 0.9, 0.8, 0.6, 0.5, 0.3]
    assert curve.false_positives == pytest.approx([0, 0, 1 / 3, 2 / 3, 2 / 3, 1])
    assert curve.sensitivity.tolist() == [0, 0.5, 0.5, 0.5, 1, 1]


def test_the_curve_is_read_as_the_challenge_does() -> None:
    curve = froc(THREE)
    assert curve.at(0.5) == 0.5
    assert curve.at(2 / 3) == 1.0  # of two points at one rate the higher one
    assert curve.at(8) == 1.0  # beyond the last point it stays
    assert mean_sensitivity(THREE) == pytest.approx((0.5 + 1 + 1 + 1 + 1) / 5)


def test_between_two_points_it_is_a_straight_line() -> None:
    # one false mark above the only lesion found, and one below: (0, 0), (1, 0), (1, 1), (2, 1)
    one = (scan((lesion(0),), mark(0.9, 50), mark(0.6), mark(0.2, 50)),)
    assert froc(one).at(0.5) == 0.0
    both = (*one, scan((lesion(0),), mark(0.5)))  # (0, 0), (.5, 0), (.5, .5), (.5, 1), (1, 1)
    assert sensitivity_at(0.25, both) == 0.0
    assert sensitivity_at(0.5, both) == 1.0
    tied = (scan((lesion(0),), mark(0.7), mark(0.7, 50)),)  # (0, 0) straight to (1, 1)
    assert sensitivity_at(0.5, tied) == pytest.approx(0.5)


def test_a_lesion_marked_twice_counts_once_and_its_second_mark_is_no_false_positive() -> None:
    twice = (scan((lesion(0),), mark(0.9), mark(0.8, 5), mark(0.7, -5)),)
    assert froc(twice).sensitivity[-1] == 1.0
    assert false_positives(0.0, twice) == 0.0
    assert average_precision(twice) == 1.0


def test_a_mark_between_two_lesions_hits_only_the_nearer_one() -> None:
    (between,) = (scan((lesion(0), lesion(12)), mark(0.9, 5)),)
    assert [each.score for each in between.lesions] == [0.9, -math.inf]


def test_a_lesion_of_several_places_is_hit_at_any_of_them() -> None:
    assert scan((lesion(0, 40),), mark(0.9, 45)).lesions[0].score == 0.9
    assert scan((lesion(0, 40),), mark(0.9, 20)).lesions[0].score == -math.inf


@pytest.mark.parametrize(("x", "hits"), [(10.0, True), (10.001, False)])
def test_the_reach_belongs_to_the_rule(x: float, *, hits: bool) -> None:
    assert scan((lesion(0),), mark(0.9, x)).marks[0].hits is hits


def test_rates_at_a_threshold() -> None:
    assert lesion_sensitivity(0.9, THREE) == 0.5
    assert false_positives(0.6, THREE) == pytest.approx(2 / 3)
    assert sensitivity(0.9, THREE) == 1.0
    assert sensitivity(0.91, THREE) == 0.0
    assert specificity(0.6, THREE) == 0.5
    assert specificity(0.61, THREE) == 1.0


def test_thresholds_that_keep_a_promise() -> None:
    for wanted in (0.0, 1 / 3, 0.5, 2 / 3, 1.0, 5.0):
        threshold = threshold_for_false_positives(wanted, THREE)
        assert false_positives(threshold, THREE) <= wanted
    assert threshold_for_false_positives(1.0, THREE) == 0.0
    assert 0.8 < threshold_for_false_positives(0.0, THREE) < 0.8 + 1e-9
    assert 0.3 < threshold_for_specificity(0.5, THREE) < 0.3 + 1e-9
    assert specificity(threshold_for_specificity(1.0, THREE), THREE) == 1.0
    assert threshold_for_specificity(0.0, THREE) == 0.0


def test_area_under_the_curve_counts_pairs() -> None:
    four = (
        scan((lesion(0),), mark(0.9)),
        scan((lesion(0),), mark(0.4)),
        scan((), mark(0.4)),
        scan((), mark(0.7)),
    )
    assert auc(four) == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert math.isnan(auc(four[:2]))
    assert math.isnan(auc(()))


def test_an_exam_without_a_mark_scores_zero() -> None:
    assert scan(()).score == 0.0
    assert specificity(0.5, (scan(()),)) == 1.0


def test_average_precision_of_a_textbook_ranking() -> None:
    # ranked: right, wrong, right; three boxes: 1/3 * 1 + 1/3 * 2/3
    films = (
        film((box(0, 10), box(50, 60)), (0.9, box(0, 10)), (0.8, box(20, 30))),
        film((box(0, 10),), (0.7, box(0, 8))),
    )
    assert average_precision(films) == pytest.approx(1 / 3 + 2 / 9)


def test_a_second_box_on_one_lesion_is_false_for_average_precision() -> None:
    twice = film((box(0, 10), box(50, 60)), (0.9, box(0, 10)), (0.8, box(0, 9)), (0.7, box(50, 60)))
    assert average_precision((twice,)) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert false_positives(0.0, (twice,)) == 0.0


def test_boxes_at_a_threshold_count_as_average_precision_counts() -> None:
    films = (
        film((box(0, 10), box(50, 60)), (0.9, box(0, 10)), (0.8, box(0, 9)), (0.5, box(50, 60))),
        film((), (0.8, box(0, 10))),
    )
    assert mark_precision(0.8, films) == pytest.approx(1 / 3)
    assert mark_recall(0.8, films) == 0.5
    assert mark_precision(0.5, films) == 0.5
    assert mark_recall(0.5, films) == 1.0
    assert math.isnan(mark_precision(0.95, films))
    assert mark_recall(0.95, films) == 0.0
    assert math.isnan(mark_recall(0.5, films[1:]))


def test_overlap_is_intersection_over_union() -> None:
    assert film((box(0, 10),), (0.9, box(0, 5))).marks[0].hits  # exactly one half
    assert not film((box(0, 10),), (0.9, box(0, 4.9))).marks[0].hits
    assert not film((box(0, 10),), (0.9, box(10, 20))).marks[0].hits


def test_what_cannot_be_told_is_no_figure() -> None:
    intact = (scan((), mark(0.4)),)
    for figure in (mean_sensitivity, average_precision, auc, partial(sensitivity, 0.5)):
        assert math.isnan(figure(intact))
        assert math.isnan(figure(()))
    assert math.isnan(false_positives(0.5, ()))
    assert math.isnan(named_right("side", 0.5, intact))
    assert math.isnan(calibration_error(reliability([])))


def test_films_and_volumes_do_not_mix() -> None:
    with pytest.raises(TypeError):
        score(Exam("p", "e", (lesion(0),), (mark(0.5),)), HALF)


def test_reliability() -> None:
    bins = reliability([(0.05, False), (0.15, False), (0.15, True), (1.0, True)])
    assert [each.count for each in bins] == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert bins[1].share_right == 0.5
    assert math.isnan(bins[2].mean_score)
    assert calibration_error(bins) == pytest.approx((0.05 + 2 * 0.35 + 0) / 4)


def test_outcomes_of_marks_and_of_exams() -> None:
    assert mark_outcomes(THREE) == [
        (0.9, True),
        (0.8, False),
        (0.5, True),
        (0.6, False),
        (0.3, False),
    ]
    assert exam_outcomes(THREE) == [(0.9, True), (0.6, False), (0.3, False)]


def test_strata_of_lesions_keep_every_false_positive() -> None:
    parts = by_lesion(THREE, "type")
    assert [*parts] == ["buckle", "displaced"]
    assert froc(parts["buckle"]).at(0.5) == 0.0
    assert froc(parts["displaced"]).at(0.5) == 1.0
    for part in parts.values():
        assert false_positives(0.0, part) == 1.0
        assert auc(part) == auc(THREE)


def test_strata_of_exams() -> None:
    exams = [
        score(Exam("p", "one", (), (mark(0.5),), {"thickness": "5 mm"}), MM),
        score(Exam("p", "two", (), (), {"thickness": "1 mm"}), MM),
    ]
    parts = by_exam(exams, "thickness")
    assert {value: [exam.name for exam in part] for value, part in parts.items()} == {
        "1 mm": ["two"],
        "5 mm": ["one"],
    }


def test_names_are_scored_on_what_was_found() -> None:
    exams = (
        scan((lesion(0, side="left"),), mark(0.9, side=Side.LEFT)),
        scan((lesion(0, side="left"),), mark(0.9, side=Side.RIGHT)),
        scan((lesion(0, side="left"),), mark(0.4, side=Side.RIGHT)),
        scan((lesion(0),), mark(0.9, side=Side.RIGHT)),
        scan((lesion(0, side="left"),)),
    )
    assert named_right("side", 0.5, exams) == 0.5
    with pytest.raises(ValueError, match="colour"):
        named_right("colour", 0.5, (scan((lesion(0, colour="red"),), mark(0.9)),))


def test_confusion_counts_what_was_found_by_its_true_name_and_the_name_told() -> None:
    exams = (
        scan(
            (lesion(0, side="left"), lesion(90, side="left"), lesion(200, side="right")),
            mark(0.9, side=Side.LEFT),
            mark(0.6, 90, side=Side.RIGHT),
            mark(0.4, 200, side=Side.RIGHT),
        ),
        scan((lesion(0),), mark(0.9)),
    )
    assert confusion("side", 0.5, exams) == {("left", "left"): 1, ("left", "right"): 1}


def test_one_patient_gives_no_interval() -> None:
    told = interval(mean_sensitivity, THREE[:1])
    assert (told.patients, told.exams, told.lesions) == (1, 1, 2)
    assert not math.isnan(told.value)
    assert math.isnan(told.low)
    assert math.isnan(told.high)


def test_patients_are_drawn_and_not_exams() -> None:
    found, missed = (lesion(0),), (lesion(0),)
    at_half = partial(lesion_sensitivity, 0.5)
    two = [
        *(scan(found, mark(0.9), patient="a") for _ in range(50)),
        *(scan(missed, patient="b") for _ in range(50)),
    ]
    told = interval(at_half, two)
    assert (told.value, told.low, told.high) == (0.5, 0.0, 1.0)
    hundred = [
        *(scan(found, mark(0.9), patient=f"a{n}") for n in range(50)),
        *(scan(missed, patient=f"b{n}") for n in range(50)),
    ]
    told = interval(at_half, hundred)
    # binomial: 0.5 plus or minus 1.96 * sqrt(0.25 / 100)
    assert told.low == pytest.approx(0.40, abs=0.02)
    assert told.high == pytest.approx(0.60, abs=0.02)
    assert interval(at_half, hundred) == told


def test_the_summary_holds_every_figure_that_has_a_title() -> None:
    told = summary(THREE, report=0.4, alert=0.7)
    assert [*told] == [*TITLES]
    assert told["froc-1"].value == 1.0
    assert told["lesions-alert"].value == 0.5
    assert told["false-report"].value == pytest.approx(2 / 3)
    assert told["specificity-alert"].value == 1.0
    assert told["froc-mean"] == interval(mean_sensitivity, THREE)


def test_draws_that_tell_nothing_are_left_out() -> None:
    told = interval(auc, (scan((lesion(0),), mark(0.9), patient="a"), scan((), patient="b")))
    assert (told.value, told.low, told.high) == (1.0, 1.0, 1.0)


def test_figures_do_not_depend_on_the_order_of_exams() -> None:
    rng = np.random.default_rng(3)
    shuffled = [THREE[n] for n in rng.permutation(len(THREE))]
    assert froc(shuffled).sensitivities == froc(THREE).sensitivities
    assert average_precision(shuffled) == average_precision(THREE)
