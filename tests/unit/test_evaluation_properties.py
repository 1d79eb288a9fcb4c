"""What holds of the figures for any exams: against counting by brute force."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain import Detection, FilmRegion, VolumeRegion
from appliance.evaluation import (
    FALSE_POSITIVES,
    Exam,
    Lesion,
    Overlap,
    Scored,
    Within,
    auc,
    average_precision,
    false_positives,
    froc,
    lesion_sensitivity,
    mean_sensitivity,
    reliability,
    score,
    sensitivity,
    specificity,
    threshold_for_false_positives,
    threshold_for_specificity,
)

# few different values, so that ties and coincidences are common
SCORES = st.integers(1, 8).map(lambda n: n / 8)
PLACES = st.integers(0, 12).map(lambda n: (4.0 * n, 0.0, 0.0))


@st.composite
def scans(draw: st.DrawFn) -> Scored:
    lesions = tuple(Lesion((place,)) for place in draw(st.lists(PLACES, max_size=3)))
    marks = tuple(
        Detection("f", certainty, VolumeRegion(place, (9.0, 9.0, 9.0)))
        for certainty, place in draw(st.lists(st.tuples(SCORES, PLACES), max_size=5))
    )
    return score(Exam(draw(st.sampled_from("abc")), "scan", lesions, marks), Within(6.0))


SETS = st.lists(scans(), min_size=1, max_size=6)


@given(SETS)
def test_each_point_of_the_curve_is_what_counting_at_its_threshold_gives(
    exams: list[Scored],
) -> None:
    curve = froc(exams)
    for threshold, rate, found in zip(
        curve.thresholds, curve.false_positives, curve.sensitivity, strict=True
    ):
        wrong = [
            each
            for exam in exams
            for each in exam.marks
            if each.mark.score >= threshold and not each.hits
        ]
        right = [each for exam in exams for each in exam.lesions if each.score >= threshold]
        everything = [each for exam in exams for each in exam.lesions]
        assert math.isclose(rate, len(wrong) / len(exams))
        if everything:
            assert math.isclose(found, len(right) / len(everything))
        else:
            assert math.isnan(found)


@given(SETS)
def test_the_curve_rises(exams: list[Scored]) -> None:
    curve = froc(exams)
    assert (np.diff(curve.false_positives) >= 0).all()
    if any(exam.lesions for exam in exams):
        assert (np.diff(curve.sensitivity) >= 0).all()
        read = [curve.at(rate) for rate in (0, *FALSE_POSITIVES, 100)]
        assert read == sorted(read)
        assert 0 <= mean_sensitivity(exams) <= 1


@given(SETS)
def test_every_mark_hits_exactly_if_it_lies_within_reach_of_a_lesion(exams: list[Scored]) -> None:
    for exam in exams:
        places = [each.lesion.where[0] for each in exam.lesions]
        for each in exam.marks:
            assert isinstance(each.mark.region, VolumeRegion)
            middle = each.mark.region.centre_lps_mm
            near = [math.dist(middle, place) <= 6 for place in places if isinstance(place, tuple)]
            assert each.hits is any(near)
            assert each.hits or not each.is_first
        assert sum(each.is_first for each in exam.marks) <= len(exam.lesions)


@given(SETS)
def test_auc_is_the_share_of_pairs_in_the_right_order(exams: list[Scored]) -> None:
    pairs = [
        (one.score > other.score) + 0.5 * (one.score == other.score)
        for one in exams
        for other in exams
        if one.is_positive and not other.is_positive
    ]
    told = auc(exams)
    assert math.isclose(told, sum(pairs) / len(pairs)) if pairs else math.isnan(told)


@given(SETS, st.floats(0, 1))
def test_a_stricter_threshold_finds_less_and_errs_less(
    exams: list[Scored], threshold: float
) -> None:
    stricter = threshold + 0.1
    for figure in (lesion_sensitivity, false_positives, sensitivity):
        low, high = figure(stricter, exams), figure(threshold, exams)
        assert low <= high or math.isnan(low)
    low, high = specificity(threshold, exams), specificity(stricter, exams)
    assert low <= high or math.isnan(low)


@given(SETS, st.floats(0, 4), st.floats(0, 1))
def test_a_threshold_keeps_its_promise_and_is_the_lowest_that_does(
    exams: list[Scored], rate: float, share: float
) -> None:
    threshold = threshold_for_false_positives(rate, exams)
    assert false_positives(threshold, exams) <= rate + 1e-9
    if threshold > 0:
        assert false_positives(float(np.nextafter(threshold, 0)), exams) > rate
    threshold = threshold_for_specificity(share, exams)
    kept = specificity(threshold, exams)
    assert math.isnan(kept) or kept >= share - 1e-9


@st.composite
def films(draw: st.DrawFn) -> Scored:
    boxes = st.tuples(st.integers(0, 6), st.integers(3, 5)).map(
        lambda pair: FilmRegion(pair[0], 0, pair[0] + pair[1], 4)
    )
    lesions = tuple(Lesion(each) for each in draw(st.lists(boxes, max_size=3)))
    scores = draw(st.lists(st.integers(1, 999), unique=True, max_size=5))
    marks = tuple(Detection("f", each / 1000, draw(boxes)) for each in scores)
    return score(Exam("p", "film", lesions, marks), Overlap(0.5))


@given(st.lists(films(), min_size=1, max_size=4))
def test_average_precision_is_the_mean_over_lesions_of_the_best_precision_from_there(
    exams: list[Scored],
) -> None:
    lesions = sum(len(exam.lesions) for exam in exams)
    marks = sorted(
        ((each.mark.score, each.is_first) for exam in exams for each in exam.marks), reverse=True
    )
    scores = [certainty for certainty, _ in marks]
    told = average_precision(exams)
    assert not lesions or 0 <= told <= 1
    if not lesions:
        assert math.isnan(told)
    elif len(set(scores)) == len(scores):
        precisions = [
            sum(right for _, right in marks[: n + 1]) / (n + 1) for n in range(len(marks))
        ]
        parts = [max(precisions[n:]) for n, (_, right) in enumerate(marks) if right]
        assert math.isclose(told, sum(parts) / lesions, abs_tol=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30), st.integers(1, 12))
def test_every_outcome_falls_into_one_bin(outcomes: list[tuple[float, bool]], count: int) -> None:
    bins = reliability(outcomes, count)
    assert sum(each.count for each in bins) == len(outcomes)
    for each in bins:
        if each.count:
            assert each.low - 1e-9 <= each.mean_score <= each.high + 1e-9
