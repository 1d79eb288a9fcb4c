"""An audit message is what PS3.15 A.5.1 asks for, in the frame of RFC 5425."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from pydicom.sr._concepts_dict import concepts

from appliance.audit.chain import START, Entry, line_of, read_line
from appliance.audit.dicom_message import audit_message, syslog_frame
from appliance.audit.events import AuditEvent, AuditKind, EventId, EventType

DICTIONARY = {
    code: (meaning, groups)
    for codes in concepts["DCM"].values()
    for code, (meaning, groups) in codes.items()
}


def entry(event: AuditEvent) -> Entry:
    line, _ = line_of(START, event, 1_780_000_000.0)
    return read_line(line, START)


def test_the_codes_are_those_of_the_standard() -> None:
    for code, group in ((EventId, 400), (EventType, 401)):
        for each in code:
            meaning, groups = DICTIONARY[each.value.value]
            assert meaning == each.value.meaning
            assert group in groups or 403 in groups


def test_a_message_says_what_who_where_and_about_what() -> None:
    shown = entry(AuditEvent(AuditKind.PATIENT_SHOWN, "li", "K7Q-3MF2", "TREAT"))
    message = ET.fromstring(audit_message(shown, "box-1", "Qinghe <County> Hospital"))
    assert [part.tag for part in message] == [
        "EventIdentification",
        "ActiveParticipant",
        "AuditSourceIdentification",
        "ParticipantObjectIdentification",
    ]
    event = message[0]
    assert event.attrib == {
        "EventActionCode": "R",
        "EventDateTime": "2026-05-28T20:26:40.000+00:00",
        "EventOutcomeIndicator": "0",
    }
    assert event[0].attrib == {
        "csd-code": "110103",
        "codeSystemName": "DCM",
        "originalText": "DICOM Instances Accessed",
    }
    assert message[1].attrib == {"UserID": "li", "UserIsRequestor": "true"}
    assert message[2].attrib["AuditEnterpriseSiteID"] == "Qinghe <County> Hospital"
    assert message[3].attrib["ParticipantObjectID"] == "K7Q-3MF2"


def test_a_refusal_is_a_failure_and_an_alert_has_its_type() -> None:
    refused = entry(
        AuditEvent(AuditKind.PATIENT_REFUSED, "wang", "K7Q-3MF2", "TREAT", is_success=False)
    )
    event = ET.fromstring(audit_message(refused, "box-1", "site"))[0]
    assert event.attrib["EventOutcomeIndicator"] == "4"
    assert [part.attrib["csd-code"] for part in event] == ["110113", "110132"]


def test_a_frame_counts_its_octets_and_names_the_message() -> None:
    started = entry(AuditEvent(AuditKind.STARTED, "osteon-access"))
    message = audit_message(started, "box-1", "清河县医院")
    frame = syslog_frame(started, message, "box-1")
    length, _, rest = frame.partition(b" ")
    assert int(length) == len(rest)
    head, _, body = rest.partition(b"\xef\xbb\xbf")
    assert head == b"<85>1 2026-05-28T20:26:40.000+00:00 box-1 osteon - DICOM+RFC3881 - "
    assert body == message
    assert ET.fromstring(body)[2].attrib["AuditEnterpriseSiteID"] == "清河县医院"
