"""The one entry: the DICOM objects that a finished reading gives back to the PACS."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from highdicom.sc import SCImage
from highdicom.sr import Comprehensive3DSR, ContainerContentItem
from pydicom.dataset import Dataset
from pydicom.uid import UID

from appliance.pipeline.results.request import (
    ResultKind,
    ResultObject,
    ResultRequest,
    derived_uid,
    is_volume,
    located,
    part_of,
)
from appliance.pipeline.results.source import header_dataset, instance_dataset, instances_of
from appliance.pipeline.results.sr import own_coding_scheme, report_content

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

_IMPLEMENTATION_UID: Final = UID("2.25.139606171214337846041063374713812573393")
_IMPLEMENTATION_NAME: Final = "OSTEON"
_REPORT_SERIES_NUMBER: Final = 9901
_PICTURE_SERIES_NUMBER: Final = 9902


def make_results(
    request: ResultRequest, pictures: Sequence[NDArray[np.uint8]]
) -> tuple[ResultObject, ...]:
    """A report on the volumes, one on the films, and one Secondary Capture for each picture.

    Nearly every study holds only one of the two, and so gets one report.

    pictures: RGB, shape (rows, columns, 3), as `picture.draw_pictures` makes them; they hold no
        PHI beyond the case code.
    The same request gives the same bytes. Whether a reading without an urgent finding is given
    back at all is the caller's decision; the report then says so in words, never "normal".
    """
    header = header_dataset(request.attributes)
    made = list(_reports(request, header))
    made += [
        _picture(request, header, number, picture)
        for number, picture in enumerate(pictures, start=1)
    ]
    return tuple(made)


def _reports(request: ResultRequest, header: Dataset) -> Iterator[ResultObject]:
    numbered = tuple(enumerate(located(request.read), start=1))
    for number, (name, volumes) in enumerate((("volumes", True), ("films", False)), start=1):
        part = part_of(request, volumes=volumes)
        if part.read.detections:
            items = tuple(item for item in numbered if is_volume(item[1].job) is volumes)
            sop_instance_uid = derived_uid(request.uid_seed, f"report on {name}")
            yield _report(part, header, report_content(part, items), (sop_instance_uid, number))


def _report(
    request: ResultRequest,
    header: Dataset,
    content: ContainerContentItem,
    instance: tuple[str, int],
) -> ResultObject:
    report = Comprehensive3DSR(
        evidence=list(_evidence(request, header)),
        content=content,
        series_instance_uid=derived_uid(request.uid_seed, "report series"),
        series_number=_REPORT_SERIES_NUMBER,
        sop_instance_uid=instance[0],
        instance_number=instance[1],
        manufacturer=request.device.manufacturer,
        manufacturer_model_name=request.device.model,
        software_versions=request.device.version,
        device_serial_number=request.device.serial or None,
        series_description=f"Osteon {request.case} findings",
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    report.CodingSchemeIdentificationSequence = [own_coding_scheme()]
    return _finished(request, report, ResultKind.REPORT)


def _picture(
    request: ResultRequest, header: Dataset, number: int, picture: NDArray[np.uint8]
) -> ResultObject:
    first = next(iter(_evidence(request, header)))
    capture = SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        # Replaced below: the attribute is of no single orientation here.
        patient_orientation=("L", "P"),
        study_instance_uid=first.StudyInstanceUID,
        series_instance_uid=derived_uid(request.uid_seed, "picture series"),
        series_number=_PICTURE_SERIES_NUMBER,
        sop_instance_uid=derived_uid(request.uid_seed, f"picture {number}"),
        instance_number=number,
        manufacturer=request.device.manufacturer,
        manufacturer_model_name=request.device.model,
        software_versions=request.device.version,
        series_description=f"Osteon {request.case} pictures",
        patient_id=first.PatientID,
        patient_name=first.PatientName,
        patient_birth_date=first.PatientBirthDate,
        patient_sex=first.PatientSex,
        accession_number=first.AccessionNumber,
        study_id=first.StudyID,
        study_date=first.StudyDate,
        study_time=first.StudyTime,
        referring_physician_name=first.ReferringPhysicianName,
        specific_character_set="ISO_IR 192",
    )
    capture.copy_patient_and_study_information(first)
    # A composition of several views: no one orientation or side holds (type 2C, empty).
    capture.PatientOrientation = []
    capture.Laterality = ""
    capture.BurnedInAnnotation = "NO"
    capture.RecognizableVisualFeatures = "NO"
    capture.DerivationDescription = (
        "Suspected fractures marked. Investigational, not for diagnosis."
    )
    capture.SourceImageSequence = list(_sources(request))
    return _finished(request, capture, ResultKind.PICTURE)


def _evidence(request: ResultRequest, header: Dataset) -> Iterator[Dataset]:
    """Every instance that a job read: the first with the header that the objects inherit."""
    for detections in request.read.detections:
        for facts in instances_of(request.study, detections.job):
            yield instance_dataset(header, facts)


def _sources(request: ResultRequest) -> Iterator[Dataset]:
    """A reference to the first instance of each job with a finding."""
    jobs = dict.fromkeys(item.job for item in located(request.read))
    for job in jobs or (request.read.detections[0].job,):
        facts = instances_of(request.study, job)[0]
        source = Dataset()
        source.ReferencedSOPClassUID = facts.sop_class_uid
        source.ReferencedSOPInstanceUID = facts.sop_instance_uid
        yield source


def _finished(request: ResultRequest, made: Dataset, kind: ResultKind) -> ResultObject:
    """Fix every time to the decision's, so that making it again gives the same bytes; encode."""
    decided = datetime.fromtimestamp(request.decided_at, UTC).astimezone()
    date, time = f"{decided:%Y%m%d}", f"{decided:%H%M%S}"
    for keyword in ("InstanceCreation", "Content", "Series"):
        setattr(made, f"{keyword}Date", date)
        setattr(made, f"{keyword}Time", time)
    if kind is ResultKind.PICTURE:
        made.DateOfSecondaryCapture, made.TimeOfSecondaryCapture = date, time
    for equipment in made.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = f"{date}{time}"
    made.file_meta.ImplementationClassUID = _IMPLEMENTATION_UID
    made.file_meta.ImplementationVersionName = _IMPLEMENTATION_NAME
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return ResultObject(kind, str(made.SOPClassUID), str(made.SOPInstanceUID), buffer.getvalue())
