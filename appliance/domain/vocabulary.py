"""The words that every stage shares: keys, outcomes, bones, reasons."""

from __future__ import annotations

from dataclasses import dataclass
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


class ScoreRange(StrEnum):
    """How a score stands to the span of scores in which its pack measured what they mean."""

    WITHIN = "within"
    OUTSIDE = "outside"
    NOT_MEASURED = "not-measured"
    """The pack states no such span: nothing is known, which is less than `WITHIN`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a study was refused or not read: a stable code of the catalogue, and its particulars.

    `detail` holds figures only (counts, millimetres); never text that came from the object.
    """

    code: str
    detail: str = ""
