"""What passes between the stages of the box: frozen values, the standard library only.

Coordinates: `*_lps_mm` are millimetres in DICOM's patient frame (x to the Left, y to the
Posterior, z to the Superior; PS3.3 C.7.6.2.1.1). Film coordinates are pixels, (column, row), with
(0, 0) at the outer corner of the first pixel.

`Read` and `NotRead` are different types on purpose: only a finished inference makes a `Read`, so
"nothing above the threshold" can never be confused with "not analysed".
"""

from appliance.domain.instances import (
    FrameFacts,
    InstanceFacts,
    InstanceHeader,
    PatientFacts,
    SpooledInstance,
    Vector,
)
from appliance.domain.messages import (
    TO_TECHNICIAN,
    AlertFinding,
    AlertSummary,
    DailyReport,
    MessageKind,
    ModelLine,
    OutboxItem,
    TroubleLine,
)
from appliance.domain.readings import (
    Detection,
    Detections,
    Execution,
    FilmRegion,
    Finding,
    ModelIdentity,
    NotRead,
    Read,
    Reading,
    VolumeRegion,
)
from appliance.domain.studies import (
    Admitted,
    Evidence,
    GateDecision,
    Job,
    OutOfScope,
    PackScope,
    Refused,
    Series,
    SliceStack,
    Study,
)
from appliance.domain.vocabulary import (
    Bone,
    CaseCode,
    FractureType,
    InstanceKey,
    Outcome,
    Reason,
    ScoreRange,
    SeriesKey,
    Side,
    StudyKey,
)

__all__ = [
    "TO_TECHNICIAN",
    "Admitted",
    "AlertFinding",
    "AlertSummary",
    "Bone",
    "CaseCode",
    "DailyReport",
    "Detection",
    "Detections",
    "Evidence",
    "Execution",
    "FilmRegion",
    "Finding",
    "FractureType",
    "FrameFacts",
    "GateDecision",
    "InstanceFacts",
    "InstanceHeader",
    "InstanceKey",
    "Job",
    "MessageKind",
    "ModelIdentity",
    "ModelLine",
    "NotRead",
    "OutOfScope",
    "OutboxItem",
    "Outcome",
    "PackScope",
    "PatientFacts",
    "Read",
    "Reading",
    "Reason",
    "Refused",
    "ScoreRange",
    "Series",
    "SeriesKey",
    "Side",
    "SliceStack",
    "SpooledInstance",
    "Study",
    "StudyKey",
    "TroubleLine",
    "Vector",
    "VolumeRegion",
]
