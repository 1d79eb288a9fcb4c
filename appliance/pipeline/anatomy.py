"""Which parts of the body the tags of an image name: DICOM values and words of four languages.

Pure tables. A part is named as Body Part Examined names it (PS3.16 annex L). Nothing recognised is
an empty set, which is not the same as something else recognised.
"""

from __future__ import annotations

import re
from typing import Final

from appliance.domain import InstanceFacts

_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "HEAD": ("HEAD", "BRAIN", "SKULL", "CRANI", "CEREBR", "NEURO", "SCHADEL", "SCHÄDEL", "CRANEO",
             "CRÁNEO", "CABEZA", "KOPF", "颅", "头", "脑", "顱", "頭"),
    "FACE": ("FACE", "FACIAL", "SINUS", "ORBIT", "MAXILL", "MANDIB", "DENTAL", "JAW", "面部",
             "颌面", "鼻窦", "眼眶"),
    "NECK": ("NECK", "CERVICAL", "CSPINE", "C-SPINE", "THYROID", "HALS", "HWS", "CUELLO", "颈",
             "頸"),
    "CHEST": ("CHEST", "THORA", "LUNG", "PULMO", "TORAX", "TÓRAX", "HRCT", "CTPA", "RIPPEN",
              "COSTILLA", "STERN", "TSPINE", "T-SPINE", "BWS", "胸", "肺", "肋"),
    "RIB": ("RIB", "RIBS", "RIPPEN", "COSTILLAS", "肋骨"),
    "ABDOMEN": ("ABDOM", "ABD", "LIVER", "HEPA", "KIDNEY", "RENAL", "PANCREA", "BAUCH", "OBERBAUCH",
                "VIENTRE", "UROGRA", "腹", "肝", "肾", "胰"),
    "PELVIS": ("PELVI", "BECKEN", "盆", "骶"),
    "LSPINE": ("LSPINE", "L-SPINE", "LUMBAR", "LWS", "腰椎", "腰"),
    "SHOULDER": ("SHOULDER", "CLAVIC", "SCAPULA", "SCHULTER", "HOMBRO", "肩", "锁骨"),
    "ARM": ("ARM", "HUMER", "UPPER ARM", "UPPERARM", "OBERARM", "肱骨", "上臂"),
    "ELBOW": ("ELBOW", "ELLBOGEN", "CODO", "肘"),
    "FOREARM": ("FOREARM", "RADIUS", "ULNA", "UNTERARM", "ANTEBRAZO", "前臂", "尺桡"),
    "WRIST": ("WRIST", "CARPAL", "CARPUS", "HANDGELENK", "MUÑECA", "腕"),
    "HAND": ("HAND", "FINGER", "THUMB", "MANO", "DAUMEN", "手部", "左手", "右手", "双手",
             "手指", "拇指"),
    "HIP": ("HIP", "HUFT", "HÜFT", "CADERA", "髋", "髖"),
    "LEG": ("LEG", "LEGS", "FEMUR", "THIGH", "TIBIA", "FIBULA", "LOWERLEG",
            "UNTERSCHENKEL", "OBERSCHENKEL", "PIERNA", "股骨", "胫", "腓", "小腿", "大腿"),
    "KNEE": ("KNEE", "PATELLA", "KNIE", "RODILLA", "膝", "髌"),
    "ANKLE": ("ANKLE", "SPRUNGGELENK", "OSG", "TOBILLO", "踝"),
    "FOOT": ("FOOT", "TOE", "CALCAN", "HEEL", "FUSS", "FUẞ", "PIE", "足", "趾", "跟骨"),
}  # fmt: skip
_WHOLE_WORDS: Final = frozenset(
    {
        "RIB",
        "RIBS",
        "HIP",
        "TOE",
        "PIE",
        "HAND",
        "MANO",
        "CODO",
        "HEEL",
        "OSG",
        "HWS",
        "LWS",
        "LEG",
        "LEGS",
        "ARM",
    }
)
"""Words that are too short to be looked for inside others."""
_ANYWHERE: Final = frozenset({"CHEST", "THORA", "TORAX", "ABDOM", "PELVI"})
"""Words that compounds such as CHESTABDPELVIS hold inside."""
_WHOLE_BODY: Final = ("WHOLEBODY", "WHOLE BODY", "POLYTRAUMA", "TRUNK", "TORSO", "全身")
_WHOLE_BODY_PARTS: Final = frozenset({"CHEST", "ABDOMEN", "PELVIS"})
_LIMB: Final = ("EXTREM", "LIMB", "四肢", "上肢", "下肢")
_LIMB_PARTS: Final = frozenset(
    {"SHOULDER", "ARM", "ELBOW", "FOREARM", "WRIST", "HAND", "HIP", "LEG", "KNEE", "ANKLE", "FOOT"}
)

_TRUNK: Final = frozenset({"HEAD", "FACE", "CHEST", "RIB", "ABDOMEN", "LSPINE"})
"""Not the neck: the neck of the femur has it too. Not the pelvis: the hip is part of it."""


def _pattern(word: str) -> str:
    escaped = re.escape(word)
    if word in _ANYWHERE or word > "\u2e80":  # Chinese has no borders between words
        return escaped
    return rf"(?<![^\W\d_]){escaped}" + (r"(?![^\W\d_])" if word in _WHOLE_WORDS else "")


_PATTERNS: Final = {
    part: re.compile("|".join(_pattern(word) for word in words)) for part, words in _WORDS.items()
}


def named_parts(text: str) -> frozenset[str]:
    """Parts of the body that a text names, upper case expected."""
    found = {part for part, pattern in _PATTERNS.items() if pattern.search(text)}
    if any(word in text for word in _WHOLE_BODY):
        found |= _WHOLE_BODY_PARTS
    if not found and any(word in text for word in _LIMB):
        found |= _LIMB_PARTS
    return frozenset(found)


def parts_of(facts: InstanceFacts) -> frozenset[str]:
    """What the image says that it shows, made more exact by what its study says.

    Where the two contradict each other the image counts; where it says nothing, the study does.
    """
    own = _own_parts(facts)
    of_study = named_parts(facts.study_description)
    return own & of_study or own or of_study


def contradicts_itself(facts: InstanceFacts) -> bool:
    """Whether a film's own tags name a part of the trunk or the head, and a limb as well.

    A console's default, or the name of the whole request, stands in one of them: which one is
    wrong cannot be told. The shoulder lies on a chest and the hip on an abdomen, but tags that
    are filled in for the film name the one that is meant.
    """
    own = _own_parts(facts)
    return bool(own & _TRUNK) and bool(own & _LIMB_PARTS)


def _own_parts(facts: InstanceFacts) -> frozenset[str]:
    said = (
        facts.body_part,
        facts.anatomic_region,
        facts.series_description,
        facts.protocol_name,
    )
    return named_parts(" | ".join(said))


def accepted_parts(body_parts: tuple[str, ...]) -> frozenset[str]:
    """The parts that a pack's list of Body Part Examined values stands for."""
    names = [value.upper() for value in body_parts]
    return frozenset().union(*(named_parts(name) or {name} for name in names))
