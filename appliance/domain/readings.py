"""What the networks marked, and what a reading came to: infer → findings → results."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.domain.instances import Vector
from appliance.domain.studies import Job
from appliance.domain.vocabulary import Bone, FractureType, Reason, ScoreRange, Side


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


@dataclass(frozen=True, slots=True)
class Finding:
    """A detection that reaches at least the reporting threshold."""

    detection: Detection
    series_uid: str
    pack: str
    urgent: bool
    score_range: ScoreRange = ScoreRange.NOT_MEASURED
    """Never a reason to keep a finding back."""


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
