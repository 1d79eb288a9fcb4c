"""Standard codes for what a finding names: pure data (SNOMED CT where it has the concept).

Ribs follow the practice of the public segmentation catalogues: the code of the numbered rib, and
the side as a laterality modifier. Concepts that SNOMED CT does not have, or that we could not
verify, are in our own scheme `99OSTEON`, declared in each object that uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from appliance.domain import Bone, FractureType, ScoreRange, Side

OWN_SCHEME: Final = "99OSTEON"


@dataclass(frozen=True, slots=True)
class Concept:
    """A code: value, scheme designator and meaning, as DICOM PS3.3 section 8 has them."""

    value: str
    scheme: str
    meaning: str


def _sct(value: str, meaning: str) -> Concept:
    return Concept(value, "SCT", meaning)


def _own(value: str, meaning: str) -> Concept:
    return Concept(value, OWN_SCHEME, meaning)


FRACTURE: Final = _sct("72704001", "Fracture")
ABNORMAL_STRUCTURE: Final = _sct("49755003", "Morphologically Abnormal Structure")
CT_PROCEDURE: Final = Concept("25045-6", "LN", "CT unspecified body region")
# CID 100 has a code for radiography only since 2023; validators and viewers may not know it yet.
IMAGING_PROCEDURE: Final = _sct("363679005", "Imaging procedure")
CERTAINTY: Final = Concept("111012", "DCM", "Certainty of Finding")
PERCENT: Final = Concept("%", "UCUM", "Percent")
COMMENT: Final = Concept("121106", "DCM", "Comment")
CONCLUSION: Final = Concept("121077", "DCM", "Conclusion")
QUALITATIVE_EVALUATIONS: Final = Concept("C0034375", "UMLS", "Qualitative Evaluations")
FRACTURE_TYPE: Final = _own("fracture-type", "Fracture type")
URGENCY: Final = _own("urgency", "Urgency at this site")
URGENT: Final = _own("urgent", "At or above the alert threshold")
NOT_URGENT: Final = _own("not-urgent", "Below the alert threshold")
SCORE_RANGE: Final = _own("score-range", "Whether the score lies where scores were measured")
LIMIT: Final = _own("limit", "Limit of the analysis")

_BONES: Final = MappingProxyType(
    {
        Bone.RIB: _sct("113197003", "Rib"),
        Bone.STERNUM: _sct("56873002", "Sternum"),
        Bone.CLAVICLE: _sct("51299004", "Clavicle"),
        Bone.SCAPULA: _sct("79601000", "Scapula"),
        Bone.VERTEBRA: _sct("51282000", "Vertebra"),
        Bone.HAND: _sct("85562004", "Hand"),
        Bone.WRIST: _sct("74670003", "Wrist joint"),
        Bone.ELBOW: _sct("16953009", "Elbow joint"),
        Bone.UPPER_ARM: _sct("40983000", "Upper arm"),
        Bone.KNEE: _sct("72696002", "Knee"),
        Bone.FOREARM: _sct("14975008", "Forearm"),
        Bone.SHOULDER: _sct("16982005", "Shoulder region"),
        Bone.HIP: _sct("29836001", "Hip region"),
        Bone.LEG: _sct("61685007", "Lower limb"),
        Bone.ANKLE: _sct("70258002", "Ankle joint"),
        Bone.FOOT: _sct("56459004", "Foot"),
        Bone.UNDETERMINED: _sct("272673000", "Bone"),
    }
)

_RIBS: Final = (
    _sct("48535007", "First rib"),
    _sct("78247007", "Second rib"),
    _sct("25888004", "Third rib"),
    _sct("25523003", "Fourth rib"),
    _sct("15339008", "Fifth rib"),
    _sct("59558009", "Sixth rib"),
    _sct("24915002", "Seventh rib"),
    _sct("5953002", "Eighth rib"),
    _sct("22565002", "Ninth rib"),
    _sct("77644006", "Tenth rib"),
    _sct("58830002", "Eleventh rib"),
    _sct("43993008", "Twelfth rib"),
)

_TYPES: Final = MappingProxyType(
    {
        FractureType.DISPLACED: _sct("123735002", "Fracture with displacement"),
        FractureType.NON_DISPLACED: _own("non-displaced", "Fracture without displacement"),
        FractureType.BUCKLE: _own("buckle", "Buckle fracture"),
        FractureType.SEGMENTAL: _own("segmental", "Segmental fracture"),
        FractureType.COMPRESSION: _own("compression", "Compression fracture"),
    }
)

_SCORE_RANGES: Final = MappingProxyType(
    {
        ScoreRange.WITHIN: _own("score-within", "Score within the range in which it was measured"),
        ScoreRange.OUTSIDE: _own(
            "score-outside", "Score outside the range in which it was measured"
        ),
        ScoreRange.NOT_MEASURED: _own("score-unmeasured", "Range of the score not measured"),
    }
)

_SIDES: Final = MappingProxyType(
    {Side.LEFT: _sct("7771000", "Left"), Side.RIGHT: _sct("24028007", "Right")}
)


def finding_site(bone: Bone, rib_number: int | None = None) -> Concept:
    """The bone's code; the numbered rib's where the number is known (1 to 12)."""
    if bone is Bone.RIB and rib_number is not None and 1 <= rib_number <= len(_RIBS):
        return _RIBS[rib_number - 1]
    return _BONES[bone]


def laterality(side: Side) -> Concept | None:
    """The side's code; `None` for midline and undetermined, which CID 244 does not hold."""
    return _SIDES.get(side)


def fracture_type(kind: FractureType) -> Concept | None:
    """The type's code; `None` where the pack does not characterise the fracture."""
    return _TYPES.get(kind)


def score_range(standing: ScoreRange) -> Concept:
    """How the score stands to what the pack's evaluation measured."""
    return _SCORE_RANGES[standing]
