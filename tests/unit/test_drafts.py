"""Outcomes: an alert needs one urgent finding; silence needs everything to have been read."""

import pytest

from appliance.daemon.drafts import Draft, outcome_of, part_unread
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
    StudyKey,
)
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
