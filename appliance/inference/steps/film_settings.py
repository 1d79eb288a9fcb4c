"""What a pack says in `reader.parameters` of the reader `film-centre-heatmap`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass

from appliance.domain import Bone
from appliance.errors import PackError


@dataclass(frozen=True, slots=True)
class Settings:
    """The parameters, each of its type and within its bounds."""

    side: int
    label: str
    bone: Bone
    least_score: float
    """Peaks below this are not returned at all; the operating point stands above it."""
    most: int
    overlap: float
    """A box that covers a stronger one by more than this intersection over union is dropped."""
    mirrored: bool = False
    """The film is read four times, mirrored along each side and both; the mean answer counts."""
    slope: float = 1.0
    offset: float = 0.0
    """Score: the logistic of slope * logit(heat) + offset (Platt's calibration)."""
    least_known: float = 0.0
    """Films less likely than this to be of the kind that the network knows are not read."""
    refuses_chests: bool = False
    """Films on which `film_chest` sees two lungs are not read, whatever the network says."""


_LATER: dict[str, object] = {
    name: field.default
    for name, field in Settings.__dataclass_fields__.items()
    if field.default is not MISSING
}
"""Not known to earlier packs: without them they are read as they always were."""
_REQUIRED = frozenset(Settings.__dataclass_fields__) - _LATER.keys()


def settings(parameters: Mapping[str, object]) -> Settings:
    """Take the parameters apart; `PackError` reader-parameters names the first that is wrong."""
    odd = (_REQUIRED - set(parameters)) | (set(parameters) - _REQUIRED - set(_LATER))
    if odd:
        raise PackError("reader-parameters", f"missing or unknown: {', '.join(sorted(odd))}")
    given = {**_LATER, **parameters}
    try:
        return Settings(
            side=_whole(given["side"]),
            label=str(given["label"]),
            bone=Bone(str(given["bone"])),
            least_score=_share(given["least_score"]),
            most=_whole(given["most"]),
            overlap=_share(given["overlap"]),
            mirrored=_truth(given["mirrored"]),
            slope=_number(given["slope"]),
            offset=_number(given["offset"]),
            least_known=_share(given["least_known"]),
            refuses_chests=_truth(given["refuses_chests"]),
        )
    except ValueError as wrong:
        raise PackError("reader-parameters", str(wrong)) from wrong


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("side and most are whole numbers from 1 on")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("mirrored and refuses_chests are true or false")  # noqa: TRY004 - as every other wrong value
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("slope and offset are numbers")
    return float(value)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("least_score, overlap and least_known lie between 0 and 1")
    return float(value)
