"""A study as it is assembled, gated and split into jobs: assemble → gate → infer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from appliance.domain.instances import InstanceFacts, Vector
from appliance.domain.vocabulary import Reason, StudyKey


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
