"""Where fractures are made in the patients that are only measured: places somebody looked at.

Found as `models.training.ct.sites` finds them, at least 14 mm apart; then each was looked at in
three planes, and what lay on cartilage was left out. Without this, larynx and vessels counted as
ribs.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from appliance.domain import Bone, Side, Vector
from models.training.simulation.rib_sites import RibSite

FILE = Path(__file__).with_name("evaluation_sites.json")
"""For each patient: rows of centre (LPS mm), along and outward (unit vectors, LPS)."""


OTHER_BONES = FILE.with_name("evaluation_other_bones.json")
"""For each patient: rows of bone, side, centre, along and outward."""


def sites_looked_at(patient: str) -> list[RibSite] | None:
    """The rib sites of a patient; `None` where nobody looked."""
    rows = _rows().get(patient)
    if rows is None:
        return None
    return [
        RibSite(_vector(centre), _vector(along), _vector(outward))
        for centre, along, outward in rows
    ]


def other_bones_looked_at(patient: str) -> list[RibSite]:
    """Places on sternum, clavicle and scapula, looked at in the same way; none where nobody did."""
    rows: dict[str, list[list[Any]]] = json.loads(OTHER_BONES.read_text("utf-8"))
    return [
        RibSite(_vector(centre), _vector(along), _vector(outward), Bone(bone), Side(side))
        for bone, side, centre, along, outward in rows.get(patient, [])
    ]


def _vector(values: list[float]) -> Vector:
    x, y, z = values
    return (x, y, z)


@cache
def _rows() -> dict[str, list[list[list[float]]]]:
    rows: dict[str, list[list[list[float]]]] = json.loads(FILE.read_text("utf-8"))
    return rows
