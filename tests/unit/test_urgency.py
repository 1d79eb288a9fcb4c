"""The urgency table and the comparison of revisions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain import (
    Bone,
    Detection,
    Detections,
    Execution,
    FilmRegion,
    Finding,
    FractureType,
    Job,
    ModelIdentity,
    ScoreRange,
    VolumeRegion,
)
from appliance.errors import AnalysisError
from appliance.pipeline.alert import (
    DEFAULT_TABLE,
    AmendmentKind,
    OperatingPoint,
    Rule,
    Threshold,
    UrgencyTable,
    amendment,
    decide,
    reported,
)

POINTS = {"ct": OperatingPoint(report=0.3, alert=0.6)}


def found(
    score: float = 0.9,
    bone: Bone = Bone.RIB,
    kind: FractureType = FractureType.UNSPECIFIED,
    at: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Finding:
    region = VolumeRegion(at, (20.0, 20.0, 20.0))
    return Finding(Detection("x", score, region, bone, kind), "1.2", "ct", urgent=False)


def on_film(left: float, series: str = "1.2") -> Finding:
    region = FilmRegion(left, 0.0, left + 100.0, 100.0)
    return Finding(Detection("x", 0.9, region), series, "ct", urgent=False)


@pytest.mark.parametrize(
    ("findings", "rule", "urgent"),
    [
        ((), "no-finding", False),
        ((found(0.6),), "confident", True),
        ((found(0.59),), "otherwise", False),
        ((found(0.59), found(0.31)), "otherwise", False),
        ((found(0.31), found(0.31), found(0.31)), "otherwise", False),
        ((found(0.7, kind=FractureType.BUCKLE),) * 3, "several-ribs", True),
        ((found(0.7, kind=FractureType.BUCKLE),) * 2, "minor-rib", False),
        ((found(0.7, kind=FractureType.DISPLACED),), "displaced", True),
        ((found(0.7, Bone.VERTEBRA),), "spine-or-hip", True),
        ((found(0.95, kind=FractureType.BUCKLE),), "minor-rib", False),
        ((found(0.95, Bone.FOREARM, FractureType.BUCKLE),), "confident", True),
        ((found(0.4), found(0.7, Bone.HIP)), "spine-or-hip", True),
    ],
)
def test_the_default_table(findings: tuple[Finding, ...], rule: str, urgent: bool) -> None:  # noqa: FBT001
    decision = decide(findings, DEFAULT_TABLE, POINTS)
    assert (decision.study.rule, decision.study.urgent) == (rule, urgent)
    assert urgent == any(finding.urgent for finding in decision.findings)


def test_each_finding_is_decided_by_itself() -> None:
    decision = decide((found(0.4, Bone.HAND), found(0.9)), DEFAULT_TABLE, POINTS)
    assert [finding.urgent for finding in decision.findings] == [False, True]
    assert [one.rule for one in decision.each] == ["otherwise", "confident"]


def test_a_site_replaces_a_rule_by_name_and_adds_its_own_before_the_last() -> None:
    quiet = Rule("confident", urgent=False, score_at_least=Threshold.ALERT)
    feet = Rule("feet", urgent=True, bones=frozenset({Bone.FOOT}), score_at_least=0.5)
    table = DEFAULT_TABLE.with_site_rules([quiet, feet])
    assert not decide((found(0.9),), table, POINTS).study.urgent
    names = [rule.name for rule in table.rules]
    assert names[-2:] == ["feet", "otherwise"]
    assert names.index("confident") == [r.name for r in DEFAULT_TABLE.rules].index("confident")


def test_a_table_must_decide_everything() -> None:
    with pytest.raises(ValueError, match="last"):
        UrgencyTable((Rule("only", urgent=False, bones=frozenset({Bone.RIB})),))
    with pytest.raises(ValueError, match="last"):
        UrgencyTable((Rule("only", urgent=False, score_at_least=0.1),))
    with pytest.raises(ValueError, match="same name"):
        UrgencyTable((Rule("one", urgent=True), Rule("one", urgent=False)))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_score_that_is_none_is_an_error_and_never_not_urgent(score: float) -> None:
    with pytest.raises(AnalysisError):
        decide((found(score),), DEFAULT_TABLE, POINTS)
    with pytest.raises(AnalysisError):
        reported([_detections(found(score))], POINTS)


def test_only_what_reaches_the_reporting_threshold_is_a_finding_the_strongest_first() -> None:
    done = _detections(found(0.29), found(0.3), found(0.8))
    assert [one.detection.score for one in reported([done], POINTS)] == [0.8, 0.3]


@pytest.mark.parametrize(
    ("measured", "score", "standing"),
    [
        ((0.3, 0.9), 0.3, ScoreRange.WITHIN),
        ((0.3, 0.9), 0.9, ScoreRange.WITHIN),
        ((0.3, 0.9), 0.901, ScoreRange.OUTSIDE),
        ((0.4, 0.9), 0.35, ScoreRange.OUTSIDE),
        (None, 0.5, ScoreRange.NOT_MEASURED),
    ],
)
def test_a_score_out_of_the_measured_range_is_said_and_changes_no_decision(
    measured: tuple[float, float] | None, score: float, standing: ScoreRange
) -> None:
    points = {"ct": OperatingPoint(0.3, 0.6, measured)}
    decision = decide(reported([_detections(found(score))], points), DEFAULT_TABLE, points)
    assert [finding.score_range for finding in decision.findings] == [standing]
    assert decision.study == decide((found(score),), DEFAULT_TABLE, POINTS).study


def _detections(*findings: Finding) -> Detections:
    job = Job("ct", "1.2", (1,), None, None)
    items = tuple(finding.detection for finding in findings)
    model = ModelIdentity("ct", "0.1.0.1", "d")
    return Detections(job, model, Execution("onnxruntime", "CPU", 1.0), items)


FINDINGS = st.lists(
    st.builds(
        found,
        score=st.floats(0.3, 1.0),
        bone=st.sampled_from(Bone),
        kind=st.sampled_from(FractureType),
        at=st.tuples(*[st.floats(-500, 500)] * 3),
    ),
    max_size=6,
).map(tuple)


@given(findings=FINDINGS)
def test_a_stronger_score_never_makes_a_finding_less_urgent(findings: tuple[Finding, ...]) -> None:
    surer = tuple(replace(one, detection=replace(one.detection, score=1.0)) for one in findings)
    before = decide(findings, DEFAULT_TABLE, POINTS).study.urgent
    assert decide(surer, DEFAULT_TABLE, POINTS).study.urgent >= before


# --- revisions ------------------------------------------------------------------------------------


def test_a_first_urgent_revision_alerts_and_a_quiet_one_does_not() -> None:
    assert amendment(None, (found(),)).kind is AmendmentKind.ALERT
    assert amendment(None, ()).kind is AmendmentKind.NONE


@given(findings=FINDINGS)
def test_identical_content_never_alerts(findings: tuple[Finding, ...]) -> None:
    assert amendment(findings, findings[::-1]).kind is AmendmentKind.NONE


@given(previous=FINDINGS, current=FINDINGS)
def test_what_is_new_or_gone_is_always_said(
    previous: tuple[Finding, ...], current: tuple[Finding, ...]
) -> None:
    decision = amendment(previous, current)
    assert len(previous) - len(decision.withdrawn) == len(current) - len(decision.new)
    if len(previous) != len(current):
        assert decision.kind is AmendmentKind.AMENDED_ALERT


def test_a_wobbling_score_and_box_is_no_news() -> None:
    moved = found(0.7, at=(10.0, 5.0, 0.0))
    assert amendment((found(0.9),), (moved,)).kind is AmendmentKind.NONE
    assert amendment((on_film(0),), (on_film(30),)).kind is AmendmentKind.NONE


def test_another_place_is_new_and_the_first_one_withdrawn() -> None:
    far = found(at=(0.0, 0.0, 60.0))
    decision = amendment((found(),), (far,))
    assert (decision.new, decision.withdrawn) == ((far,), (found(),))
    assert amendment((on_film(0),), (on_film(90),)).kind is AmendmentKind.AMENDED_ALERT
    assert amendment((on_film(0),), (on_film(0, "1.3"),)).new


def test_a_graver_type_amends_and_a_milder_one_does_not() -> None:
    mild, grave = found(kind=FractureType.NON_DISPLACED), found(kind=FractureType.DISPLACED)
    assert amendment((mild,), (grave,)).graver == (grave,)
    assert amendment((grave,), (mild,)).kind is AmendmentKind.NONE


def test_everything_vanished_is_said() -> None:
    decision = amendment((found(),), ())
    assert decision.kind is AmendmentKind.AMENDED_ALERT
    assert decision.withdrawn == (found(),)


def test_what_comes_after_everything_vanished_is_an_amendment() -> None:
    assert amendment((), (found(),)).kind is AmendmentKind.AMENDED_ALERT


def test_two_new_places_near_one_old_are_not_both_the_same() -> None:
    near = found(at=(5.0, 0.0, 0.0))
    other = found(at=(15.0, 0.0, 0.0))
    assert amendment((found(),), (near, other)).new == (other,)
