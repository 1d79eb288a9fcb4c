"""What the outcome of a revision is, and what a person is told in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from appliance.domain import (
    AlertFinding,
    AlertSummary,
    Finding,
    MessageKind,
    Outcome,
    Read,
    Reason,
    Study,
)
from appliance.ledger.work import Revision
from appliance.pipeline.alert import Amendment, AmendmentKind

_PART_UNREAD: Final = frozenset({"instances-unreadable", "other-film-not-read"})
"""Notes of a job that say: something of this study was in scope and was not read."""
_KINDS: Final = {
    AmendmentKind.ALERT: MessageKind.CLINICAL_ALERT,
    AmendmentKind.AMENDED_ALERT: MessageKind.AMENDED_ALERT,
}


def urgent_findings(read: Read) -> tuple[Finding, ...]:
    """The findings that make a study an alert."""
    return tuple(finding for finding in read.findings if finding.urgent)


def part_unread(read: Read) -> Reason | None:
    """What of the study was in scope and yet not read, if anything."""
    notes = (note for detections in read.detections for note in detections.job.notes)
    return next((note for note in notes if note.code in _PART_UNREAD), None)


def outcome_of(read: Read) -> tuple[Outcome, Reason | None]:
    """An alert needs one urgent finding; "nothing above the threshold" needs everything read."""
    if urgent_findings(read):
        return Outcome.ALERT, None
    unread = part_unread(read)
    return (Outcome.NOT_ANALYSED, unread) if unread else (Outcome.BELOW_THRESHOLD, None)


@dataclass(frozen=True, slots=True)
class Draft:
    """What every message about one revision begins with; it holds no PHI."""

    revision: Revision
    site: str
    decided_at: float
    modality: str = ""

    def clinical(self, change: Amendment, read: Read) -> AlertSummary:
        """An alert or its amendment."""
        urgent, withdrawn = _in_words(urgent_findings(read)), _in_words(change.withdrawn)
        return replace(self._summary(_KINDS[change.kind]), findings=urgent, withdrawn=withdrawn)

    def unread(self, reason: Reason) -> AlertSummary:
        """A study, or a part of it, was not analysed."""
        return replace(self._summary(MessageKind.NOT_ANALYSED), reason=reason)

    def test(self, outcome: Outcome, reason: Reason | None) -> AlertSummary:
        """What became of the box's own phantom."""
        return replace(self._summary(MessageKind.TEST), outcome=outcome, reason=reason)

    def _summary(self, kind: MessageKind) -> AlertSummary:
        return AlertSummary(
            case=self.revision.case,
            kind=kind,
            site=self.site,
            arrived_at=self.revision.opened_at,
            decided_at=self.decided_at,
            modality=self.modality,
            revision=self.revision.revision,
        )


def modality_of(study: Study) -> str:
    """The kinds of image in a study, such as `CT`."""
    return ", ".join(sorted({each.modality for each in study.series}))


def _in_words(findings: tuple[Finding, ...]) -> tuple[AlertFinding, ...]:
    return tuple(
        AlertFinding(
            detection.bone,
            detection.type,
            detection.side,
            detection.rib_number,
            detection.score,
            finding.score_range,
        )
        for finding in findings
        for detection in (finding.detection,)
    )
