"""What is to be delivered, without a word about the patient: results → alert."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from appliance.domain.vocabulary import Bone, CaseCode, FractureType, Reason, Side, StudyKey


class MessageKind(StrEnum):
    """What the analyser asks the deliverer to carry out."""

    CLINICAL_ALERT = "clinical-alert"
    AMENDED_ALERT = "amended-alert"
    NOT_ANALYSED = "not-analysed"
    RESULT_OBJECT = "result-object"
    TECHNICAL = "technical"


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


@dataclass(frozen=True, slots=True)
class AlertFinding:
    """One urgent finding in words that carry no PHI."""

    bone: Bone
    type: FractureType
    side: Side
    rib_number: int | None
    score: float


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
