"""Outcomes: an alert needs one urgent finding; silence needs everything to have been read."""

import re
from dataclasses import replace

import pytest

from appliance.alerts.catalogue import load
from appliance.alerts.mail_text import render
from appliance.daemon.drafts import Draft, outcome_of, part_unread
from appliance.daemon.reading import scores_beyond
from appliance.domain import (
    Bone,
    CaseCode,
    Detection,
    Detections,
    Execution,
    FilmRegion,
    Finding,
    Job,
    MessageKind,
    ModelIdentity,
    Outcome,
    Read,
    Reason,
    ScoreRange,
    StudyKey,
)
from appliance.ledger.codec import decode, encode
from appliance.ledger.work import Revision
from appliance.lifecycle import StudyState
from appliance.pipeline.alert import amendment

REVISION = Revision(
    StudyKey("s"), 2, CaseCode("ABC-DEFG"), StudyState.ANALYSED, 0, 1, 5.0, 6.0, None, None
)


def reading(*urgent: bool, notes: tuple[Reason, ...] = ()) -> Read:
    job = Job("dr", "1.2", (1,), None, None, notes)
    items = tuple(
        Detection("x", 0.9, FilmRegion(n, 0, n + 1, 1), Bone.HAND) for n in range(len(urgent))
    )
    findings = tuple(
        Finding(item, "1.2", "dr", is_urgent) for item, is_urgent in zip(items, urgent, strict=True)
    )
    model, execution = ModelIdentity("dr", "0.1.0.1", "0"), Execution("openvino", "cpu", 0.1)
    return Read(findings, (Detections(job, model, execution, items),))


UNREAD = (Reason("other-film-not-read", "1"),)


@pytest.mark.parametrize(
    ("read", "outcome", "reason"),
    [
        (reading(), Outcome.BELOW_THRESHOLD, None),
        (reading(False), Outcome.BELOW_THRESHOLD, None),
        (reading(False, True), Outcome.ALERT, None),
        (reading(notes=UNREAD), Outcome.NOT_ANALYSED, UNREAD[0]),
        (reading(True, notes=UNREAD), Outcome.ALERT, None),
        (reading(notes=(Reason("thick-slices", "5.0 mm"),)), Outcome.BELOW_THRESHOLD, None),
    ],
)
def test_the_outcome_of_a_reading(read: Read, outcome: Outcome, reason: Reason | None) -> None:
    assert outcome_of(read) == (outcome, reason)


def test_what_was_not_read_of_a_study_is_known_beside_an_alert_too() -> None:
    assert part_unread(reading(True, notes=UNREAD)) == UNREAD[0]


def test_an_amendment_says_what_is_new_and_what_was_withdrawn() -> None:
    before, now = reading(True, True), reading(True)
    change = amendment(before.findings, now.findings)
    summary = Draft(REVISION, "Site", 7.0, "DX").clinical(change, now)
    assert summary.kind is MessageKind.AMENDED_ALERT
    assert (len(summary.findings), len(summary.withdrawn)) == (1, 1)
    assert (summary.case, summary.revision, summary.modality) == ("ABC-DEFG", 2, "DX")


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (ScoreRange.WITHIN, "(score 0.90)"),
        (ScoreRange.OUTSIDE, "(score 0.90, outside the range in which it was measured)"),
        (ScoreRange.NOT_MEASURED, "(score 0.90, range not measured)"),
    ],
)
def test_a_mail_says_of_each_score_whether_it_was_measured(
    standing: ScoreRange, words: str
) -> None:
    read = reading(True)
    read = replace(read, findings=(replace(read.findings[0], score_range=standing),))
    summary = Draft(REVISION, "Site", 7.0, "DX").clinical(amendment(None, read.findings), read)
    assert words in render(summary, 0, load("en")).body


def test_the_timeline_counts_scores_that_were_not_measured() -> None:
    findings = tuple(
        replace(finding, score_range=standing)
        for finding, standing in zip(reading(True, True, True).findings, ScoreRange, strict=True)
    )
    assert scores_beyond(findings) == (
        "1 of 3 outside the range in which it was measured; 1 of 3 of a model that states no such "
        "range"
    )
    assert scores_beyond(findings[:1]) == ""


def test_a_finding_of_before_scores_had_ranges_is_not_taken_for_measured() -> None:
    told = reading(True)
    old = re.sub(rb',"score_range":"[a-z-]+"', b"", encode(told))
    assert b"score_range" not in old
    assert decode(old, (Read,)) == told
    assert told.findings[0].score_range is ScoreRange.NOT_MEASURED
