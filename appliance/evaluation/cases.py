"""One exam with its truth and with what was marked on it, and the rule by which a mark hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.domain import Detection, FilmRegion, Vector


@dataclass(frozen=True, slots=True)
class Lesion:
    """One true fracture.

    where: on a film its box in pixels; in a volume places in LPS mm, one or more: the middle of
        each break, or points spread over its labelled voxels.
    attributes: what it may be stratified and named by, such as {"bone": "rib", "side": "left",
        "rib_number": "7", "type": "buckle", "displacement": "3-5 mm"}. `bone`, `side`,
        `rib_number` and `type` are spelled as the values of the same fields of `Detection`.
    """

    where: FilmRegion | tuple[Vector, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exam:
    """One scan or film. No lesions: it is known to be intact, not merely unlabelled.

    patient: exams of one patient are drawn together by the bootstrap.
    attributes: of the whole exam, such as {"thickness": "1-2 mm", "part": "hand"}.
    """

    patient: str
    name: str
    lesions: tuple[Lesion, ...]
    marks: tuple[Detection, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Within:
    """Volumes: a mark hits when its centre lies at most so far from a place of the lesion, in mm.

    The RibFrac challenge asks for an IoU of masks above 0.2 (evaluation.py of M3DV/RibFrac-
    Challenge); our marks are places and not masks, so the distance stands for it.
    """

    mm: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """Films: a mark hits from this intersection over union of the boxes on, as COCO counts."""

    iou: float


HitRule = Within | Overlap
