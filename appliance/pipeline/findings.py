"""What a detection on a film is named by, where the network itself does not tell. Pure.

The tags say which part of which side was exposed (PS3.3 C.7.3.1, C.8.7.1); the network only where.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from appliance.domain import Bone, Detection, InstanceFacts, Side
from appliance.pipeline.anatomy import parts_of

_BONES: Final = MappingProxyType(
    {
        "SHOULDER": Bone.SHOULDER,
        "ARM": Bone.UPPER_ARM,
        "ELBOW": Bone.ELBOW,
        "FOREARM": Bone.FOREARM,
        "WRIST": Bone.WRIST,
        "HAND": Bone.HAND,
        "HIP": Bone.HIP,
        "LEG": Bone.LEG,
        "KNEE": Bone.KNEE,
        "ANKLE": Bone.ANKLE,
        "FOOT": Bone.FOOT,
        "RIB": Bone.RIB,
    }
)
_SIDES: Final = MappingProxyType({"L": Side.LEFT, "R": Side.RIGHT})


def named_by_tags(detection: Detection, film: InstanceFacts) -> Detection:
    """The detection with bone and side from the film's tags, where it has none of its own.

    A film whose tags name no part, or several, leaves the bone undetermined: nothing is guessed.
    """
    if detection.bone is Bone.UNDETERMINED:
        named = [_BONES[part] for part in parts_of(film) if part in _BONES]
        if len(named) == 1:
            detection = replace(detection, bone=named[0])
    if detection.side is Side.UNDETERMINED:
        detection = replace(detection, side=_SIDES.get(film.laterality, Side.UNDETERMINED))
    return detection
