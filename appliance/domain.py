"""What passes between the stages of the box: frozen values, the standard library only.

Coordinates: `*_lps_mm` are millimetres in DICOM's patient frame (x to the Left, y to the
Posterior, z to the Superior; PS3.3 C.7.6.2.1.1). Film coordinates are pixels, (column, row), with
(0, 0) at the outer corner of the first pixel.

`Read` and `NotRead` are different types on purpose: only a finished inference makes a `Read`, so
"nothing above the threshold" can never be confused with "not analysed".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

StudyKey = NewType("StudyKey", str)
"""Keyed HMAC of a Study Instance UID (hex): how a ledger names a study without its UID."""
SeriesKey = NewType("SeriesKey", str)
InstanceKey = NewType("InstanceKey", str)
CaseCode = NewType("CaseCode", str)
"""Short code that people read aloud, such as `K7Q-3MF`; it leads nobody back to the patient."""


class Outcome(StrEnum):
    """The four ends of a study's revision (exactly one of them)."""

    ALERT = "alert"
    BELOW_THRESHOLD = "no-region-above-threshold"
    NOT_ANALYSED = "could-not-analyse"
    NOT_FOR_THIS_BOX = "not-for-this-box"


class Bone(StrEnum):
    """Bones and regions that a pack may name; `appliance.terminology` holds their codes."""

    RIB = "rib"
    STERNUM = "sternum"
    CLAVICLE = "clavicle"
    SCAPULA = "scapula"
    VERTEBRA = "vertebra"
    HAND = "hand"
    WRIST = "wrist"
    FOREARM = "forearm"
    ELBOW = "elbow"
    UPPER_ARM = "upper-arm"
    SHOULDER = "shoulder"
    HIP = "hip"
    KNEE = "knee"
    LEG = "leg"
    ANKLE = "ankle"
    FOOT = "foot"
    UNDETERMINED = "bone-undetermined"


class FractureType(StrEnum):
    """How the fracture looks; `UNSPECIFIED` where a pack does not characterise it."""

    DISPLACED = "displaced"
    NON_DISPLACED = "non-displaced"
    BUCKLE = "buckle"
    SEGMENTAL = "segmental"
    COMPRESSION = "compression"
    UNSPECIFIED = "unspecified"


class Side(StrEnum):
    """The patient's side, never the picture's."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"
    UNDETERMINED = "side-undetermined"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a study was refused or not read: a stable code of the catalogue, and its particulars.

    `detail` holds figures only (counts, millimetres); never text that came from the object.
    """

    code: str
    detail: str = ""


# --- receive → assemble ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpooledInstance:
    """One instance as it lies, sealed and durable, in the spool."""

    id: int
    blob: str
    study: StudyKey
    series: SeriesKey
    instance: InstanceKey
    digest: str
    sop_class_uid: str
    transfer_syntax_uid: str
    size: int
    association: int
    received_at: float


# --- assemble → gate ------------------------------------------------------------------------------

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Where one frame lies. `None` where the object does not say."""

    index: int
    position_lps_mm: Vector | None
    row_direction: Vector | None
    column_direction: Vector | None
    pixel_spacing_mm: tuple[float, float] | None
    """(between rows, between columns), as DICOM's Pixel Spacing."""
    slice_thickness_mm: float | None
    rescale_slope: float | None = None
    rescale_intercept: float | None = None


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What the header of one instance says, as far as deciding needs it. Sealed wherever it lies.

    Text values are upper-cased and stripped; numbers that are not finite are `None`.
    """

    spooled_id: int
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    frame_of_reference_uid: str
    modality: str
    image_type: tuple[str, ...]
    body_part: str
    study_description: str
    series_description: str
    protocol_name: str
    view_position: str
    laterality: str
    photometric_interpretation: str
    presentation_intent: str
    convolution_kernel: str
    patient_age_years: float | None
    rows: int
    columns: int
    frames: tuple[FrameFacts, ...]
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    instance_number: int | None
    acquisition_number: int | None
    images_in_acquisition: int | None
    imager_pixel_spacing_mm: tuple[float, float] | None
    has_pixels: bool
    manufacturer: str
    has_burned_in_annotation: bool
    series_number: int | None = None


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Whom the printed page names: legible text, without control characters. Sealed where it lies.

    name: alphabetic group, then the ideographic one in brackets where there is one.
    birth_date: YYYYMMDD, or empty.
    """

    name: str
    patient_id: str
    birth_date: str
    sex: str
    study_date: str
    study_time: str
    accession_number: str


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """All that is kept of one instance's header. Sealed wherever it lies.

    attributes: what our own objects repeat of it (patient, study, series, geometry), as the DICOM
    JSON model (PS3.18 annex F), already cleaned so that each value is valid for its VR.
    """

    facts: InstanceFacts
    patient: PatientFacts
    attributes: str


@dataclass(frozen=True, slots=True)
class SliceStack:
    """The slices of one series as one regular stack, from its lower end along the slice normal.

    Slice k is frame `frames[k]` of instance `spooled_ids[k]` (a multi-frame one is repeated).
    tilt_degrees: angle between the direction of stacking and the slice normal (gantry tilt).
    """

    spooled_ids: tuple[int, ...]
    frames: tuple[int, ...]
    normal: Vector
    increment_mm: float
    thickness_mm: float | None
    extent_mm: float
    tilt_degrees: float
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """The instances of one series, in the order in which they arrived.

    stack: for slices, how they stack or why they do not; `None` for films.
    """

    uid: str
    modality: str
    instances: tuple[InstanceFacts, ...]
    stack: SliceStack | Reason | None = None


class Evidence(StrEnum):
    """Why a study was taken as complete; recorded with the study."""

    ASSOCIATION_RELEASED = "association-released"
    CONTIGUOUS_GEOMETRY = "contiguous-slice-geometry"
    EXPECTED_COUNT = "expected-count-reached"
    QUIET_TIME = "quiet-time"
    LONGEST_WAIT = "longest-wait"


@dataclass(frozen=True, slots=True)
class Study:
    """One revision of a study, complete on evidence."""

    key: StudyKey
    revision: int
    series: tuple[Series, ...]
    evidence: tuple[Evidence, ...]
    unreadable: tuple[tuple[int, Reason], ...] = ()
    """Instances whose header could not be read: (spooled id, why)."""
    left_out: tuple[tuple[int, Reason], ...] = ()
    """Instances that are no picture to analyse (localizer, dose report, our own): (id, why)."""


# --- gate → infer ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PackScope:
    """What one pack accepts, as its `pack.yaml` says; the gate holds every study against it."""

    pack: str
    image: str
    """`volume` or `film`."""
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    youngest_years: float
    slice_thickness_mm: tuple[float, float] | None
    smallest_extent_mm: float | None
    smallest_side_px: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """One reading that a pack is to do: the ordered slices of a CT series, or one film."""

    pack: str
    series_uid: str
    spooled_ids: tuple[int, ...]
    """For CT one for each slice, in order along the slice normal, from its lower end."""
    slice_thickness_mm: float | None
    slice_increment_mm: float | None
    notes: tuple[Reason, ...] = ()
    """What limits the reading without preventing it, such as thick slices; goes on the result."""
    frames: tuple[int, ...] = ()
    """For CT the frame of each slice in its instance, beside `spooled_ids`; empty: all are 0."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """In scope: these jobs are to be done; `set_aside` is what else the study held, and why."""

    jobs: tuple[Job, ...]
    set_aside: tuple[tuple[str, Reason], ...] = ()


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """Positively recognised as not for this box."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Refused:
    """In scope, or scope undeterminable, but not readable: a person is told."""

    reason: Reason


GateDecision = Admitted | OutOfScope | Refused

# --- infer → findings -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VolumeRegion:
    """A box in the patient, axis-aligned in LPS millimetres."""

    centre_lps_mm: Vector
    extent_lps_mm: Vector


@dataclass(frozen=True, slots=True)
class FilmRegion:
    """A box on one film, in its own pixels, edges included."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Detection:
    """One place that a network marked. `score` is in [0, 1]."""

    label: str
    score: float
    region: VolumeRegion | FilmRegion
    bone: Bone = Bone.UNDETERMINED
    type: FractureType = FractureType.UNSPECIFIED
    side: Side = Side.UNDETERMINED
    rib_number: int | None = None


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which pack ran: name, version X.Y.Z.B and the digest of its signed manifest."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Execution:
    """Where it really ran, and how long that took."""

    runtime: str
    device: str
    latency_s: float
    fell_back: bool = False
    """True when the device that was asked for did not serve and another one did."""


@dataclass(frozen=True, slots=True)
class Detections:
    """What one finished job found; an empty tuple means that it looked and marked nothing."""

    job: Job
    model: ModelIdentity
    execution: Execution
    items: tuple[Detection, ...]


# --- findings → results ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """A detection that reaches at least the reporting threshold."""

    detection: Detection
    series_uid: str
    pack: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Read:
    """Every job finished. Made only from `Detections` of all jobs of the revision."""

    findings: tuple[Finding, ...]
    detections: tuple[Detections, ...]
    urgency_rule: str = ""
    """Which line of the urgency table decided, in words for the timeline."""


@dataclass(frozen=True, slots=True)
class NotRead:
    """Some job did not finish: the study was not analysed."""

    reason: Reason


Reading = Read | NotRead

# --- results → alert ------------------------------------------------------------------------------


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
