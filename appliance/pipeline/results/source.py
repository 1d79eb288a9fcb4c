"""What our own objects repeat of the study that they belong to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset

if TYPE_CHECKING:
    from appliance.domain import InstanceFacts, Job, Study

_TYPE_2: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_OPTIONAL: Final = ("IssuerOfPatientID", "PatientAge", "StudyDescription")
_SEXES: Final = frozenset({"M", "F", "O"})


def header_dataset(attributes: str) -> Dataset:
    """The patient and study attributes of a source instance, in UTF-8.

    attributes: DICOM JSON model, allow-listed and valid by its VRs (see `InstanceHeader`).
    What the source does not state is present and empty where the standard wants it so (type 2).
    """
    source = Dataset.from_json(json.loads(attributes))
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _TYPE_2:
        setattr(header, keyword, source.get(keyword) or "")
    for keyword in _OPTIONAL:
        if value := source.get(keyword):
            setattr(header, keyword, value)
    if header.PatientSex not in _SEXES:
        header.PatientSex = ""
    return header


def instance_dataset(header: Dataset, facts: InstanceFacts) -> Dataset:
    """One source instance as evidence: the header that our objects inherit, and its identifiers."""
    instance = Dataset()
    instance.update(header)
    instance.StudyInstanceUID = facts.study_uid
    instance.SeriesInstanceUID = facts.series_uid
    instance.SOPInstanceUID = facts.sop_instance_uid
    instance.SOPClassUID = facts.sop_class_uid
    return instance


def instances_of(study: Study, job: Job) -> tuple[InstanceFacts, ...]:
    """The facts of the instances that a job read, in the job's order, each once."""
    by_id = {facts.spooled_id: facts for series in study.series for facts in series.instances}
    return tuple(by_id[number] for number in dict.fromkeys(job.spooled_ids))
