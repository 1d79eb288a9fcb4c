"""An entry as a DICOM audit message (PS3.15 A.5.1), and its syslog frame (A.6, RFC 5424 and 5425).

In place of Study Instance UID and Patient ID stands the case code: nothing that names a patient
leaves the box by this way. Who may know asks the box.
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET  # writes only; nothing is parsed here

from appliance.audit.chain import Entry
from appliance.audit.events import MEANING, Action, AuditKind, Code, EventId

_MESSAGE_ID: Final = "DICOM+RFC3881"
_PRIORITY: Final = 10 * 8 + 5
"""Facility 10, security and authorization; severity 5, notice."""
_SUCCESS, _MINOR_FAILURE = "0", "4"
_SYSTEM_OBJECT, _REPORT = "2", "3"
_REPORT_NUMBER: Final = ("9", "RFC-3881", "Report Number")


def audit_message(entry: Entry, source: str, site: str) -> bytes:
    """The message as XML in UTF-8. source: names this box; site: the hospital."""
    try:
        event_id, event_type, action = MEANING[AuditKind(entry.kind)]
    except ValueError:  # of a newer version of this program
        event_id, event_type, action = EventId.APPLICATION_ACTIVITY, None, Action.EXECUTE
    message = ET.Element("AuditMessage")
    event = ET.SubElement(
        message,
        "EventIdentification",
        EventActionCode=action.value,
        EventDateTime=entry.at,
        EventOutcomeIndicator=_SUCCESS if entry.is_success else _MINOR_FAILURE,
    )
    _coded(event, "EventID", event_id.value)
    if event_type is not None:
        _coded(event, "EventTypeCode", event_type.value)
    ET.SubElement(
        message, "ActiveParticipant", UserID=entry.actor or "unknown", UserIsRequestor="true"
    )
    ET.SubElement(
        message, "AuditSourceIdentification", AuditEnterpriseSiteID=site, AuditSourceID=source
    )
    if entry.subject:
        about = ET.SubElement(
            message,
            "ParticipantObjectIdentification",
            ParticipantObjectID=entry.subject,
            ParticipantObjectTypeCode=_SYSTEM_OBJECT,
            ParticipantObjectTypeCodeRole=_REPORT,
        )
        code, system, meaning = _REPORT_NUMBER
        ET.SubElement(
            about,
            "ParticipantObjectIDTypeCode",
            {"csd-code": code, "codeSystemName": system, "originalText": meaning},
        )
        ET.SubElement(about, "ParticipantObjectName").text = entry.subject
    return bytes(ET.tostring(message, encoding="utf-8", xml_declaration=True))


def syslog_frame(entry: Entry, message: bytes, host: str) -> bytes:
    """One octet-counted frame (RFC 5425, 4.3)."""
    head = f"<{_PRIORITY}>1 {entry.at} {host} osteon - {_MESSAGE_ID} - "
    line = head.encode() + b"\xef\xbb\xbf" + message
    return str(len(line)).encode() + b" " + line


def _coded(parent: ET.Element, name: str, code: Code) -> None:
    ET.SubElement(
        parent,
        name,
        {"csd-code": code.value, "codeSystemName": "DCM", "originalText": code.meaning},
    )
