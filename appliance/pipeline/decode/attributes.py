"""What the page and our own objects repeat of a received header, each value valid for its VR."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from appliance.domain import PatientFacts
from appliance.errors import DecodeError
from appliance.pipeline.decode.text import character_sets, person_name, text

_TEXT: Final = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDescription",
    "InstitutionName",
    "SeriesDescription",
    "BodyPartExamined",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "StationName",
    "Laterality",
    "ImageLaterality",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPClassUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
)
_INTEGERS: Final = ("SeriesNumber", "InstanceNumber", "NumberOfFrames", "Rows", "Columns")
_DECIMALS: Final = (
    "PixelSpacing",
    "ImagerPixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
)
_UID: Final = re.compile(r"(?=.{1,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_IDENTITY: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


def uid(dataset: Dataset, keyword: str) -> str:
    """A UID of the top level; empty when it is missing or malformed."""
    value = text(dataset, keyword, ())
    return value if _UID.fullmatch(value) else ""


def check_identity(dataset: Dataset) -> None:
    """Raise DecodeError("uid-invalid") unless the four UIDs that name an instance are valid."""
    if not all(uid(dataset, keyword) for keyword in _IDENTITY):
        raise DecodeError("uid-invalid")


def patient_facts(dataset: Dataset) -> PatientFacts:
    """Whom and which examination the header names."""
    declared = character_sets(dataset)

    def value(keyword: str) -> str:
        return _valid(dictionary_VR(keyword), text(dataset, keyword, declared))

    return PatientFacts(
        name=person_name(value("PatientName")),
        patient_id=value("PatientID"),
        birth_date=value("PatientBirthDate"),
        sex=value("PatientSex"),
        study_date=value("StudyDate"),
        study_time=value("StudyTime"),
        accession_number=value("AccessionNumber"),
    )


def attributes(dataset: Dataset) -> str:
    """The allow-listed attributes in the DICOM JSON model (PS3.18 annex F), text as UTF-8."""
    declared = character_sets(dataset)
    model: dict[str, dict[str, object]] = {_key("SpecificCharacterSet"): _entry("CS", "ISO_IR 192")}
    for keyword in _TEXT:
        vr = dictionary_VR(keyword)
        value = _valid(vr, text(dataset, keyword, declared))
        if value:
            model[_key(keyword)] = _entry(vr, value)
    for keywords, number in ((_INTEGERS, int), (_DECIMALS, float)):
        for keyword in keywords:
            values = _numbers(dataset, keyword, number)
            if values:
                model[_key(keyword)] = {"vr": dictionary_VR(keyword), "Value": values}
    return json.dumps(model, ensure_ascii=False, sort_keys=True, allow_nan=False)


def _key(keyword: str) -> str:
    return f"{tag_for_keyword(keyword):08X}"


def _entry(vr: str, value: str) -> dict[str, object]:
    if vr != "PN":
        return {"vr": vr, "Value": [value]}
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), value.split("="), strict=False)
    return {"vr": vr, "Value": [{name: group for name, group in groups if group}]}


def _numbers(dataset: Dataset, keyword: str, number: type[int | float]) -> list[int | float]:
    """All values as numbers; none when one of them is no finite number."""
    try:
        value = dataset.get(keyword, None)
        values = [value] if isinstance(value, int | float | str) else list(value or ())
        numbers = [number(one) for one in values]
        return numbers if all(abs(one) < 1e9 for one in numbers) else []  # noqa: PLR2004 - sane
    except (ValueError, TypeError, OverflowError, AttributeError, NotImplementedError):
        return []


def _matching(pattern: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)
    return lambda value: value if compiled.fullmatch(value) else ""


def _short(length: int) -> Callable[[str], str]:
    return lambda value: value.replace("\\", "/")[:length].strip()


def _name(value: str) -> str:
    groups = value.replace("\\", "/").split("=")[:3]
    return "=".join("^".join(group.split("^")[:5])[:64].strip() for group in groups)


_VALID: Final[dict[str, Callable[[str], str]]] = {
    "AS": _matching(r"[0-9]{3}[DWMY]"),
    "CS": _matching(r"[A-Z0-9 _]{1,16}"),
    "DA": _matching(r"[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"),
    "LO": _short(64),
    "PN": _name,
    "SH": _short(16),
    "TM": _matching(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?"),
    "UI": _matching(_UID.pattern),
}


def _valid(vr: str, value: str) -> str:
    return _VALID[vr](value)
