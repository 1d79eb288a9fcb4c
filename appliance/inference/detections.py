"""Detections as JSON and back, and the checks that stand between a child and the findings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from appliance.domain import (
    Bone,
    Detection,
    FilmRegion,
    FractureType,
    Side,
    Vector,
    VolumeRegion,
)
from appliance.errors import AnalysisError
from appliance.inference.pack_schema import PackSpec

MOST: Final = 2000
"""More detections than this on one image are no reading."""
RIBS: Final = 12
"""On each side."""


def to_json(detections: Sequence[Detection]) -> list[dict[str, Any]]:
    """As golden cases and the inference child write them."""
    return [_one_to_json(detection) for detection in detections]


def from_json(content: object, spec: PackSpec) -> tuple[Detection, ...]:
    """Detections that this pack may have made, each with the bone and type that it stands for.

    Raises:
        AnalysisError: `detections-invalid` for anything else: a score outside [0, 1], a label that
            the pack does not have, a region that is not finite or of the wrong kind.
    """
    if not isinstance(content, list) or len(content) > MOST:
        raise AnalysisError("detections-invalid", "not a list of bounded length")
    try:
        detections = [_one_from_json(entry) for entry in content]
    except (KeyError, TypeError, ValueError) as error:
        raise AnalysisError("detections-invalid", type(error).__name__) from None
    return tuple(checked(detection, spec) for detection in detections)


def checked(detection: Detection, spec: PackSpec) -> Detection:
    """The detection, with the bone and the type of its label where the reader named none.

    Raises:
        AnalysisError: `detections-invalid`; see `from_json`.
    """
    finding = spec.finding(detection.label)
    if finding is None:
        raise AnalysisError("detections-invalid", "a label that the pack does not have")
    if not 0 <= detection.score <= 1:
        raise AnalysisError("detections-invalid", "a score outside [0, 1]")
    if not _region_sound(detection.region, spec):
        raise AnalysisError("detections-invalid", "a region that cannot be")
    if detection.rib_number is not None and not _countable(detection):
        raise AnalysisError("detections-invalid", "a rib that cannot be")
    if detection.bone is Bone.UNDETERMINED:
        detection = replace(detection, bone=finding.bone)
    if detection.type is FractureType.UNSPECIFIED:
        detection = replace(detection, type=finding.type)
    return detection


def _countable(detection: Detection) -> bool:
    return detection.bone is Bone.RIB and detection.rib_number in range(1, RIBS + 1)


def centre(region: VolumeRegion | FilmRegion) -> tuple[float, ...]:
    """The middle of a region: LPS mm, or film pixels (column, row)."""
    match region:
        case VolumeRegion():
            return region.centre_lps_mm
        case FilmRegion():
            return ((region.left + region.right) / 2, (region.top + region.bottom) / 2)


def _region_sound(region: VolumeRegion | FilmRegion, spec: PackSpec) -> bool:
    match region:
        case VolumeRegion(middle, extent):
            return (
                spec.image == "volume"
                and all(map(math.isfinite, (*middle, *extent)))
                and min(extent) > 0
            )
        case FilmRegion(left, top, right, bottom):
            return (
                spec.image == "film"
                and all(map(math.isfinite, (left, top, right, bottom)))
                and left < right
                and top < bottom
            )


def _one_to_json(detection: Detection) -> dict[str, Any]:
    return {
        "label": detection.label,
        "score": detection.score,
        "region": _region_to_json(detection.region),
        "bone": detection.bone.value,
        "type": detection.type.value,
        "side": detection.side.value,
        "rib_number": detection.rib_number,
    }


def _region_to_json(region: VolumeRegion | FilmRegion) -> dict[str, Any]:
    match region:
        case VolumeRegion(middle, extent):
            return {"centre_lps_mm": list(middle), "extent_lps_mm": list(extent)}
        case FilmRegion(left, top, right, bottom):
            return {"left": left, "top": top, "right": right, "bottom": bottom}


def _one_from_json(entry: Mapping[str, Any]) -> Detection:
    rib = entry.get("rib_number")
    return Detection(
        label=str(entry["label"]),
        score=float(entry["score"]),
        region=_region_from_json(entry["region"]),
        bone=Bone(entry.get("bone", Bone.UNDETERMINED)),
        type=FractureType(entry.get("type", FractureType.UNSPECIFIED)),
        side=Side(entry.get("side", Side.UNDETERMINED)),
        rib_number=None if rib is None else int(rib),
    )


def _region_from_json(region: Mapping[str, Any]) -> VolumeRegion | FilmRegion:
    if "centre_lps_mm" in region:
        return VolumeRegion(_vector(region["centre_lps_mm"]), _vector(region["extent_lps_mm"]))
    return FilmRegion(*(float(region[edge]) for edge in ("left", "top", "right", "bottom")))


def _vector(values: Sequence[Any]) -> Vector:
    x, y, z = map(float, values)
    return (x, y, z)
