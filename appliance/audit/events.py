"""What the trail records, in DICOM's own terms (PS3.15 A.5, PS3.16 CID 400, 401 and 403)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple

_LONGEST: Final = 200
_LONGEST_TYPED: Final = 150


class Code(NamedTuple):
    """A coded term of DICOM's own vocabulary (scheme DCM)."""

    value: str
    meaning: str


class EventId(Enum):
    """PS3.16 CID 400, as far as this box has such events."""

    APPLICATION_ACTIVITY = Code("110100", "Application Activity")
    AUDIT_LOG_USED = Code("110101", "Audit Log Used")
    INSTANCES_ACCESSED = Code("110103", "DICOM Instances Accessed")
    STUDY_DELETED = Code("110105", "DICOM Study Deleted")
    EXPORT = Code("110106", "Export")
    PROCEDURE_RECORD = Code("110111", "Procedure Record")
    SECURITY_ALERT = Code("110113", "Security Alert")
    USER_AUTHENTICATION = Code("110114", "User Authentication")


class EventType(Enum):
    """PS3.16 CID 401 and 403: what kind of activity or alert it was."""

    START = Code("110120", "Application Start")
    STOP = Code("110121", "Application Stop")
    LOGIN = Code("110122", "Login")
    LOGOUT = Code("110123", "Logout")
    EMERGENCY_OVERRIDE = Code("110127", "Emergency Override Started")
    SECURITY_CONFIGURATION = Code("110129", "Security Configuration")
    SOFTWARE_CONFIGURATION = Code("110131", "Software Configuration")
    RESTRICTED_FUNCTION = Code("110132", "Use of Restricted Function")


class Action(StrEnum):
    """PS3.15 A.5.1: Event Action Code."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class AuditKind(Enum):
    """What happened. The value is the name that stands in the trail."""

    STARTED = "started"
    STOPPED = "stopped"
    SEALED = "sealed"
    TAIL_LOST = "tail-lost"
    AUDIT_READ = "audit-read"
    PATIENT_SHOWN = "patient-shown"
    PATIENT_REFUSED = "patient-refused"
    BREAK_GLASS = "break-glass"
    ACKNOWLEDGED = "acknowledged"
    CONFIGURATION_CHANGED = "configuration-changed"
    MODEL_CHANGED = "model-changed"
    MODEL_ACCEPTANCE = "model-acceptance"
    SYSTEM_CHANGED = "system-changed"
    KEY_ROTATED = "key-rotated"
    STUDY_DELETED = "study-deleted"
    EXPORTED = "exported"
    MENU_ENTERED = "menu-entered"
    MENU_LEFT = "menu-left"
    MENU_ACTION = "menu-action"
    WIPE = "wipe"


MEANING: Final[dict[AuditKind, tuple[EventId, EventType | None, Action]]] = {
    AuditKind.STARTED: (EventId.APPLICATION_ACTIVITY, EventType.START, Action.EXECUTE),
    AuditKind.STOPPED: (EventId.APPLICATION_ACTIVITY, EventType.STOP, Action.EXECUTE),
    AuditKind.SEALED: (EventId.AUDIT_LOG_USED, None, Action.UPDATE),
    AuditKind.TAIL_LOST: (EventId.AUDIT_LOG_USED, None, Action.DELETE),
    AuditKind.AUDIT_READ: (EventId.AUDIT_LOG_USED, None, Action.READ),
    AuditKind.PATIENT_SHOWN: (EventId.INSTANCES_ACCESSED, None, Action.READ),
    AuditKind.PATIENT_REFUSED: (
        EventId.SECURITY_ALERT,
        EventType.RESTRICTED_FUNCTION,
        Action.EXECUTE,
    ),
    AuditKind.BREAK_GLASS: (EventId.SECURITY_ALERT, EventType.EMERGENCY_OVERRIDE, Action.EXECUTE),
    AuditKind.ACKNOWLEDGED: (EventId.PROCEDURE_RECORD, None, Action.UPDATE),
    AuditKind.CONFIGURATION_CHANGED: (
        EventId.SECURITY_ALERT,
        EventType.SECURITY_CONFIGURATION,
        Action.EXECUTE,
    ),
    AuditKind.MODEL_CHANGED: (
        EventId.SECURITY_ALERT,
        EventType.SOFTWARE_CONFIGURATION,
        Action.EXECUTE,
    ),
    AuditKind.MODEL_ACCEPTANCE: (
        EventId.SECURITY_ALERT,
        EventType.SOFTWARE_CONFIGURATION,
        Action.EXECUTE,
    ),
    AuditKind.SYSTEM_CHANGED: (
        EventId.SECURITY_ALERT,
        EventType.SOFTWARE_CONFIGURATION,
        Action.EXECUTE,
    ),
    AuditKind.KEY_ROTATED: (
        EventId.SECURITY_ALERT,
        EventType.SECURITY_CONFIGURATION,
        Action.EXECUTE,
    ),
    AuditKind.STUDY_DELETED: (EventId.STUDY_DELETED, None, Action.DELETE),
    AuditKind.EXPORTED: (EventId.EXPORT, None, Action.READ),
    AuditKind.MENU_ENTERED: (EventId.USER_AUTHENTICATION, EventType.LOGIN, Action.EXECUTE),
    AuditKind.MENU_LEFT: (EventId.USER_AUTHENTICATION, EventType.LOGOUT, Action.EXECUTE),
    AuditKind.MENU_ACTION: (
        EventId.SECURITY_ALERT,
        EventType.RESTRICTED_FUNCTION,
        Action.EXECUTE,
    ),
    AuditKind.WIPE: (EventId.SECURITY_ALERT, EventType.RESTRICTED_FUNCTION, Action.EXECUTE),
}


REPORTED: Final = frozenset(
    {
        AuditKind.AUDIT_READ,
        AuditKind.ACKNOWLEDGED,
        AuditKind.MODEL_CHANGED,
        AuditKind.MODEL_ACCEPTANCE,
        AuditKind.CONFIGURATION_CHANGED,
        AuditKind.SYSTEM_CHANGED,
        AuditKind.KEY_ROTATED,
        AuditKind.STUDY_DELETED,
        AuditKind.EXPORTED,
        AuditKind.MENU_ENTERED,
        AuditKind.MENU_LEFT,
        AuditKind.MENU_ACTION,
        AuditKind.WIPE,
    }
)
"""What others may have recorded; all else only the keeper of the trail itself can know."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that somebody or something did.

    actor: the login of a person, or the unit that acted. subject: a case code, a pack, a file name
    of ours; never anything of a patient. detail: a code or a few words of ours.
    """

    kind: AuditKind
    actor: str
    subject: str = ""
    detail: str = ""
    is_success: bool = True

    def __post_init__(self) -> None:
        for text in (self.actor, self.subject, self.detail):
            if len(text) > _LONGEST or not text.isprintable():
                raise ValueError("not a text for the audit trail")


def typed(words: str) -> str:
    """What a person typed, as it may stand in the trail: printable, and not too long."""
    return "".join(letter for letter in words if letter.isprintable())[:_LONGEST_TYPED]
