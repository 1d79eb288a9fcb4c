"""Alert summaries and pages for tests, and the patient who must never leave the paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from appliance.alerts.channel import Page
from appliance.domain import (
    AlertFinding,
    AlertSummary,
    Bone,
    CaseCode,
    FractureType,
    MessageKind,
    OutboxItem,
    Side,
    StudyKey,
)

CANARIES = ("CANARY^NAME", "CANARY-ID-4711", "19470211", "1.2.826.0.1.3680043.8.498.77")
"""A patient's name, identifier, birth date and UID, as they stand in the page."""
CASE = CaseCode("K7Q-3MFA")
PDF = b"%PDF-1.4\n% " + " ".join(CANARIES).encode() + b"\n%%EOF\n"
PAGE = Page(CASE, PDF)
FINDING = AlertFinding(Bone.RIB, FractureType.DISPLACED, Side.LEFT, 7, 0.91)
SUMMARY = AlertSummary(
    case=CASE,
    kind=MessageKind.CLINICAL_ALERT,
    site="County Hospital",
    arrived_at=1_760_000_000.0,
    decided_at=1_760_000_009.0,
    findings=(FINDING,),
    modality="CT",
)


def item(
    number: int = 1, kind: MessageKind = MessageKind.CLINICAL_ALERT, **changes: Any
) -> OutboxItem:
    """An outbox item as the analyser would write it, with a page."""
    known = OutboxItem(
        id=number,
        study=StudyKey("a" * 32),
        revision=number,
        case=CASE,
        kind=kind,
        created_at=1_760_000_010.0,
        summary=replace(SUMMARY, kind=kind, revision=number),
        blobs=("f" * 32,),
    )
    return replace(known, **changes)


def read_blob(_item: OutboxItem, _name: str) -> bytes:
    """What unsealing an attachment gives."""
    return PDF
