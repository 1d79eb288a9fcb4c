"""From the headers of a study to its series, and what of it is no picture to analyse. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from appliance.domain import InstanceFacts, Reason, Series
from appliance.pipeline.assemble.geometry import stack

OWN_MANUFACTURER: Final = "OSTEON"
"""Manufacturer (0008,0070) in all objects that this box makes, upper-cased as facts are."""

_SECONDARY_CAPTURES: Final = "1.2.840.10008.5.1.4.1.1.7"
"""The SOP class, and the root of its multi-frame kinds."""
_DOSE_REPORTS: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.88.67",  # X-Ray Radiation Dose SR
        "1.2.840.10008.5.1.4.1.1.88.74",  # Patient Radiation Dose SR
        "1.2.840.10008.5.1.4.1.1.88.76",  # Enhanced X-Ray Radiation Dose SR
    }
)
_PHOTOGRAPHS: Final = frozenset({"XC", "OT", "SC", "DOC"})
_NOT_PICTURES: Final = frozenset({"SR", "PR", "KO", "RTSTRUCT", "SEG", "REG"})
_LOCALIZER: Final = frozenset({"LOCALIZER", "SCOUT"})
_DERIVED: Final = frozenset(
    {
        "PROJECTION IMAGE",
        "MIP",
        "MINIP",
        "MAX_IP",
        "MIN_IP",
        "CSA MIP",
        "CSA 3D EDITING",
        "VRT",
        "SSD",
        "SCREEN SAVE",
        "VOLUME_RENDER",
        "SUBTRACTION",
        "RCBF",
        "RCBV",
        "MTT",
    }
)


def left_out(facts: InstanceFacts) -> Reason | None:
    """Why an instance is no picture to analyse; None for one that is."""
    is_picture = facts.has_pixels and facts.modality not in _NOT_PICTURES
    # An image class without pixels lost them on its way; anything else never had a picture.
    is_robbed = facts.modality in {"CT", "CR", "DX"} and not facts.has_pixels and facts.rows > 0
    is_capture = (facts.sop_class_uid + ".").startswith(_SECONDARY_CAPTURES + ".")
    checks = (
        (facts.manufacturer == OWN_MANUFACTURER, "own-result"),
        (facts.sop_class_uid in _DOSE_REPORTS or "DOSE_INFO" in facts.image_type, "dose-report"),
        (is_capture or facts.modality in _PHOTOGRAPHS, "secondary-capture"),
        (is_robbed, "pixels-missing"),
        (not is_picture, "not-an-image"),
        (not _LOCALIZER.isdisjoint(facts.image_type), "localizer"),
        (not _DERIVED.isdisjoint(facts.image_type), "derived-picture"),
    )
    return next((Reason(code) for holds, code in checks if holds), None)


def build_series(
    instances: Iterable[InstanceFacts],
) -> tuple[tuple[Series, ...], tuple[tuple[int, Reason], ...]]:
    """(series in the order of their first instance, what was left out as (spooled id, why))."""
    members: defaultdict[str, list[InstanceFacts]] = defaultdict(list)
    others: list[tuple[int, Reason]] = []
    for facts in instances:
        why = left_out(facts)
        if why is None:
            members[facts.series_uid].append(facts)
        else:
            others.append((facts.spooled_id, why))
    return tuple(_series(uid, facts) for uid, facts in members.items()), tuple(others)


def _series(uid: str, instances: list[InstanceFacts]) -> Series:
    modality = instances[0].modality
    arranged = stack(instances) if modality == "CT" else None
    return Series(uid, modality, tuple(instances), arranged)
