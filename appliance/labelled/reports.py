"""The box's own structured reports, read back as marks: what it sent to the PACS can be scored.

The inverse of `appliance.pipeline.results.sr` (TID 1500; PS3.16): each measurement group is one
finding. A report holds what reached the reporting threshold, so figures below it cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from appliance import terminology
from appliance.domain import (
    Bone,
    Detection,
    FilmRegion,
    FractureType,
    ModelIdentity,
    Side,
    VolumeRegion,
)
from appliance.errors import LabelledSetError
from appliance.labelled.cases import LabelledCase

_GROUP: Final = "125007"
"""Measurement Group (DCM)."""
_SITE: Final = "363698007"
"""Finding Site (SCT)."""
_LATERALITY: Final = "272741003"
"""Laterality (SCT), below the site."""
_ALGORITHM: Final = ("111001", "111003", "111002")
"""Algorithm Name, Version and Parameters (DCM)."""
_STATEMENTS: Final = terminology.QUALITATIVE_EVALUATIONS.value
_MANIFEST: Final = "manifest "
_THIN_MM: Final = 1.0
"""A report's rectangle lies on one slice: how deep its region is taken to be."""
_GRAPHICS: Final = {"SCOORD": 2, "SCOORD3D": 3}

Code = tuple[str, str]
"""Value and scheme; the meaning is for people, and programs on the way may change it."""


def _key(concept: terminology.Concept | None) -> Code | None:
    return None if concept is None else (concept.value, concept.scheme)


_SITES: Final = {
    _key(terminology.finding_site(bone, number)): (bone, number)
    for bone in Bone
    for number in (None, *(range(1, 13) if bone is Bone.RIB else ()))
}
_SIDES: Final = {_key(terminology.laterality(side)): side for side in (Side.LEFT, Side.RIGHT)}
_TYPES: Final = {_key(terminology.fracture_type(kind)): kind for kind in FractureType}


@dataclass(frozen=True, slots=True)
class Report:
    """What one report says: its findings, and which models made them."""

    marks: tuple[Detection, ...]
    models: frozenset[ModelIdentity]


def report_of(folder: Path, case: LabelledCase) -> Report:
    """The report on a case: `NAME.dcm`, with the case's own name in its set.

    Raises:
        LabelledSetError: `labelled-report-missing`, `labelled-report-invalid`.
    """
    path = folder / f"{case.name}.dcm"
    if not path.is_file():
        raise LabelledSetError("labelled-report-missing")
    return read_report(path)


def read_report(path: Path) -> Report:
    """Read one report of the box.

    Raises:
        LabelledSetError: `labelled-report-invalid` for anything else.
    """
    try:
        dataset = pydicom.dcmread(path)
        if dataset.get("Modality") != "SR":
            raise LabelledSetError("labelled-report-invalid", "no structured report")
        # Every report of the box ends in its conclusion; without it this is a part of one.
        next(_named(next(_named(dataset, _STATEMENTS)), terminology.CONCLUSION.value))
        groups = [*_named(dataset, _GROUP, deep=True)]
        return Report(
            tuple(_finding(group) for group in groups),
            frozenset(_model(group) for group in groups),
        )
    except (InvalidDicomError, OSError, EOFError) as error:
        raise LabelledSetError("labelled-report-invalid", type(error).__name__) from None
    except (AttributeError, KeyError, IndexError, StopIteration, TypeError, ValueError) as error:
        raise LabelledSetError("labelled-report-invalid", type(error).__name__) from None


def _finding(group: Dataset) -> Detection:
    (score,) = _named(group, terminology.CERTAINTY.value)
    (site,) = _named(group, _SITE)
    bone, rib = _SITES[_code(site)]
    sides = [_SIDES[_code(each)] for each in _named(site, _LATERALITY)]
    kinds = [_TYPES[_code(each)] for each in _named(group, terminology.FRACTURE_TYPE.value)]
    return Detection(
        label="reported",
        score=float(score.MeasuredValueSequence[0].NumericValue) / 100,
        region=next(_regions(group)),
        bone=bone,
        type=kinds[0] if kinds else FractureType.UNSPECIFIED,
        side=sides[0] if sides else Side.UNDETERMINED,
        rib_number=rib,
    )


def _model(group: Dataset) -> ModelIdentity:
    name, version, parameters = (str(next(_named(group, code)).TextValue) for code in _ALGORITHM)
    return ModelIdentity(name, version, parameters.removeprefix(_MANIFEST))


def _regions(group: Dataset) -> Iterator[VolumeRegion | FilmRegion]:
    for item in group.ContentSequence:
        dimensions = _GRAPHICS.get(str(item.ValueType))
        if dimensions is None:
            continue
        points = np.array(item.GraphicData, np.float64).reshape(-1, dimensions)
        low, high = points.min(axis=0), points.max(axis=0)
        if dimensions == _GRAPHICS["SCOORD"]:
            yield FilmRegion(*(float(value) for value in (*low, *high)))
            continue
        x, y, z = (float(value) for value in (low + high) / 2)
        across, along, deep = (float(value) for value in np.maximum(high - low, _THIN_MM))
        yield VolumeRegion((x, y, z), (across, along, deep))


def _named(item: Dataset, code: str, *, deep: bool = False) -> Iterator[Dataset]:
    """The items below that have this code as their concept name."""
    for each in item.get("ContentSequence", ()):
        names = each.get("ConceptNameCodeSequence", ())
        if any(name.CodeValue == code for name in names):
            yield each
        elif deep:
            yield from _named(each, code, deep=True)


def _code(item: Dataset) -> Code:
    code = item.ConceptCodeSequence[0]
    return str(code.CodeValue), str(code.CodingSchemeDesignator)
