"""What is to be delivered, without a word about the patient: results → alert."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from appliance.domain.vocabulary import (
    Bone,
    CaseCode,
    FractureType,
    Outcome,
    Reason,
    ScoreRange,
    Side,
    StudyKey,
)


class MessageKind(StrEnum):
    """What the analyser asks the deliverer to carry out."""

    CLINICAL_ALERT = "clinical-alert"
    AMENDED_ALERT = "amended-alert"
    NOT_ANALYSED = "not-analysed"
    RESULT_OBJECT = "result-object"
    TECHNICAL = "technical"
    TEST = "test"
    """About the box's own phantom: no patient, and nobody has to do anything."""
    RECOVERED = "recovered"
    """What the technician was told of is over."""
    DAILY_REPORT = "daily-report"
    """The box is alive; the technician learns of a dead one by the report that does not come."""


TO_TECHNICIAN: Final = frozenset(
    {MessageKind.TECHNICAL, MessageKind.RECOVERED, MessageKind.DAILY_REPORT}
)


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """All that an alert says outside the building's paper: no PHI in it, ever."""

    case: CaseCode
    kind: MessageKind
    site: str
    arrived_at: float
    decided_at: float
    findings: tuple[AlertFinding, ...] = ()
    withdrawn: tuple[AlertFinding, ...] = ()
    """Told as urgent before, and not found urgent in this revision: it is said, never dropped."""
    reason: Reason | None = None
    modality: str = ""
    revision: int = 1
    outcome: Outcome | None = None
    """Of a test: what the pipeline made of the phantom."""
    report: DailyReport | None = None
    """Of a `DAILY_REPORT`, and of nothing else."""


@dataclass(frozen=True, slots=True)
class AlertFinding:
    """One urgent finding in words that carry no PHI."""

    bone: Bone
    type: FractureType
    side: Side
    rib_number: int | None
    score: float
    score_range: ScoreRange = ScoreRange.NOT_MEASURED


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model pack as the daily report shows it. `code`: why it is down; empty: it runs."""

    name: str
    version: str
    code: str


@dataclass(frozen=True, slots=True)
class TroubleLine:
    """One trouble that lasts. `about`: a channel, a pack, a part of the box; wall seconds."""

    code: str
    about: str
    since: float


@dataclass(frozen=True, slots=True)
class DailyReport:
    """What the technician learns once a day: counts, and what waits for a person.

    outcomes: how many revisions ended so since the last report. reasons: how many of those that
    were not analysed, or not for this box, for each reason.
    """

    since: float
    outcomes: tuple[tuple[Outcome, int], ...]
    reasons: tuple[tuple[Outcome, str, int], ...]
    under_way: int
    unacknowledged: tuple[CaseCode, ...]
    waiting_deliveries: int
    troubles: tuple[TroubleLine, ...]
    """The oldest first."""
    models: tuple[ModelLine, ...]
    free_bytes: int
    software: str


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One thing to deliver, as the analyser wrote it, durable before anything is sent."""

    id: int
    study: StudyKey
    revision: int
    case: CaseCode
    kind: MessageKind
    created_at: float
    summary: AlertSummary | None
    blobs: tuple[str, ...] = field(default=())
    """Sealed attachments, in order: the printed page for an alert, one object for a result."""
