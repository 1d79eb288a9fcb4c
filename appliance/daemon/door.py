"""The door to what names a patient: every question is recorded before it is answered.

Also the door to the trail itself: the other roles and the verbs have their events recorded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from appliance import journal
from appliance.audit.events import REPORTED, AuditEvent, AuditKind
from appliance.audit.trail import AuditTrail
from appliance.audit.wire import Peer
from appliance.domain import CaseCode, PatientFacts
from appliance.errors import OsteonError, UsageError

_LONGEST_CASE: Final = 20
PURPOSES: Final = {
    "treatment": "TREAT",
    "emergency-treatment": "ETREAT",
    "patient-request": "PATRQT",
    "quality-assurance": "HQUALIMP",
    "system-administration": "SYSADMIN",
}
"""Why somebody looks: HL7 v3 PurposeOfUse. A list, since free words would name patients."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    may_record: is one of the box's own units or its technicians. speaks_for_others: is a unit; a
    person acts in their own name.
    """

    login: str
    may_record: bool
    speaks_for_others: bool
    may_see_patients: bool


class Door:
    """Answers one question at a time. Its errors travel back to whoever asked, by their code."""

    def __init__(
        self,
        trail: AuditTrail,
        who: Callable[[Peer], Person],
        patient_of: Callable[[CaseCode], PatientFacts],
    ) -> None:
        self._trail = trail
        self._who = who
        self._patient_of = patient_of

    def answer(self, peer: Peer, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to a question, or the code of why there is none."""
        try:
            match question:
                case {"ask": "alive"}:
                    return {}
                case {"ask": "record", **fields}:
                    return self._record(self._who(peer), fields)
                case {
                    "ask": "patient",
                    "case": str(case),
                    "purpose": str(purpose),
                    "break_glass": bool(broken),
                } if purpose in PURPOSES and len(case) <= _LONGEST_CASE and case.isprintable():
                    return self._patient(
                        self._who(peer), CaseCode(case), purpose, is_break_glass=broken
                    )
            raise UsageError("door-question-unknown")
        except OsteonError as error:
            journal.warn("door-closed", code=error.code)
            return {"code": error.code, "detail": error.detail}

    def _record(self, person: Person, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        if not person.may_record:
            raise UsageError("audit-not-permitted", person.login)
        try:
            event = AuditEvent(
                kind=AuditKind(fields["kind"]),
                actor=(person.speaks_for_others and str(fields["actor"])) or person.login,
                subject=str(fields["subject"]),
                detail=str(fields["detail"]),
                is_success=fields["ok"] is True,
            )
        except (KeyError, ValueError):
            raise UsageError("door-question-unknown") from None
        if event.kind not in REPORTED:
            raise UsageError("door-question-unknown")
        head = self._trail.record(event)
        return {"count": head.count, "digest": head.digest}

    def _patient(
        self, person: Person, case: CaseCode, purpose: str, *, is_break_glass: bool
    ) -> Mapping[str, Any]:
        why = PURPOSES[purpose]
        if not person.may_see_patients:
            kind = AuditKind.BREAK_GLASS if is_break_glass else AuditKind.PATIENT_REFUSED
            self._trail.record(AuditEvent(kind, person.login, case, why, is_success=is_break_glass))
            if not is_break_glass:
                raise UsageError("patient-not-permitted", person.login)
            journal.warn("break-glass", case=case)
        try:
            found = self._patient_of(case)
        except OsteonError as error:
            failed = AuditEvent(
                AuditKind.PATIENT_SHOWN, person.login, case, f"{why} {error.code}", is_success=False
            )
            self._trail.record(failed)
            raise
        # Before the answer: what cannot be recorded is not shown.
        self._trail.record(AuditEvent(AuditKind.PATIENT_SHOWN, person.login, case, why))
        return asdict(found)
