"""The structured report: Comprehensive 3D SR by TID 1500, one measurement group for each finding.

Places in a CT are rectangles in the patient's frame of reference (SCOORD3D), on the slice through
the middle of the region; places on a film are rectangles in the film's own pixels (SCOORD).
Sources: DICOM PS3.3 A.35.13 and C.18.9, PS3.16 TID 1500, 1410, 4019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from highdicom import sr
from highdicom.sr.enum import RelationshipTypeValues
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from appliance import terminology
from appliance.alerts.catalogue import load
from appliance.domain import FilmRegion, VolumeRegion
from appliance.imaging import Volume
from appliance.pipeline.results.geometry import slice_rectangle
from appliance.pipeline.results.request import Located, ResultRequest, derived_uid, is_volume
from appliance.pipeline.results.source import instances_of
from appliance.pipeline.results.statements import conclusion, limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


def report_content(
    request: ResultRequest, items: tuple[tuple[int, Located], ...]
) -> sr.ContainerContentItem:
    """The report's content tree, TID 1500 at its root. The language is English.

    items: the request's findings with their numbers in the study. They are all of volumes or all
        of films: validators take only one of the two kinds of region in a document.
    """
    root = sr.ContainerContentItem(
        name=codes.DCM.ImagingMeasurementReport, template_id="1500", is_content_continuous=False
    )
    root.ContentSequence = sr.ContentSequence()
    root.ContentSequence.extend(
        sr.LanguageOfContentItemAndDescendants(
            sr.CodedConcept("en-US", "RFC5646", "English (United States)")
        )
    )
    root.ContentSequence.extend(_observer(request))
    root.ContentSequence.append(_procedure(request))
    groups = sr.ContentSequence()
    for number, item in items:
        groups.extend(_group(request, number, item))
    if groups:
        measurements = sr.ContainerContentItem(
            name=codes.DCM.ImagingMeasurements, relationship_type=RelationshipTypeValues.CONTAINS
        )
        measurements.ContentSequence = groups
        root.ContentSequence.append(measurements)
    root.ContentSequence.append(_statements(request))
    return root


def _code(concept: terminology.Concept) -> sr.CodedConcept:
    return sr.CodedConcept(concept.value, concept.scheme, concept.meaning)


def _observer(request: ResultRequest) -> sr.ObservationContext:
    device = request.device
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                uid=derived_uid(b"", f"{device.model} {device.serial}"),
                name=device.model,
                manufacturer_name=device.manufacturer,
                model_name=f"{device.model} {device.version}",
                serial_number=device.serial or None,
            ),
        )
    )


def _procedure(request: ResultRequest) -> sr.CodeContentItem:
    volumes = all(is_volume(item.job) for item in request.read.detections)
    return sr.CodeContentItem(
        name=codes.DCM.ProcedureReported,
        value=_code(terminology.CT_PROCEDURE if volumes else terminology.IMAGING_PROCEDURE),
        relationship_type=RelationshipTypeValues.HAS_CONCEPT_MOD,
    )


def _group(
    request: ResultRequest, number: int, item: Located
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    detection = item.finding.detection
    text = load("en").finding(detection.bone, detection.side, detection.rib_number, detection.type)
    laterality = terminology.laterality(detection.side)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derived_uid(request.uid_seed, f"finding {number}"),
            identifier=f"{request.case} finding {number}: {text}"[:64],
        ),
        referenced_region=_region(request, item),
        finding_category=_code(terminology.ABNORMAL_STRUCTURE),
        finding_type=_code(terminology.FRACTURE),
        finding_sites=[
            sr.FindingSite(
                anatomic_location=_code(
                    terminology.finding_site(detection.bone, detection.rib_number)
                ),
                laterality=_code(laterality) if laterality else None,
            )
        ],
        algorithm_id=sr.AlgorithmIdentification(
            name=item.model.name,
            version=item.model.version,
            parameters=[f"manifest {item.model.digest}"],
        ),
        measurements=[
            sr.Measurement(
                name=_code(terminology.CERTAINTY),
                value=round(100.0 * detection.score, 2),
                unit=_code(terminology.PERCENT),
            )
        ],
        qualitative_evaluations=list(_evaluations(item)),
    )


def _evaluations(item: Located) -> Iterator[sr.QualitativeEvaluation]:
    urgency = terminology.URGENT if item.finding.urgent else terminology.NOT_URGENT
    yield sr.QualitativeEvaluation(name=_code(terminology.URGENCY), value=_code(urgency))
    standing = terminology.score_range(item.finding.score_range)
    yield sr.QualitativeEvaluation(name=_code(terminology.SCORE_RANGE), value=_code(standing))
    if kind := terminology.fracture_type(item.finding.detection.type):
        yield sr.QualitativeEvaluation(name=_code(terminology.FRACTURE_TYPE), value=_code(kind))


def _region(request: ResultRequest, item: Located) -> sr.ImageRegion | sr.ImageRegion3D:
    facts = instances_of(request.study, item.job)[0]
    region = item.finding.detection.region
    image = request.images[item.job]
    if isinstance(region, VolumeRegion) and isinstance(image, Volume):
        return sr.ImageRegion3D(
            graphic_type=sr.GraphicTypeValues3D.POLYGON,
            graphic_data=slice_rectangle(image, region),
            frame_of_reference_uid=facts.frame_of_reference_uid,
        )
    if isinstance(region, FilmRegion) and not isinstance(image, Volume):
        return sr.ImageRegion(
            graphic_type=sr.GraphicTypeValues.POLYLINE,
            graphic_data=_film_rectangle(region, image.pixels.shape[:2]),
            source_image=sr.SourceImageForRegion(
                referenced_sop_class_uid=facts.sop_class_uid,
                referenced_sop_instance_uid=facts.sop_instance_uid,
                referenced_frame_numbers=[1] if len(facts.frames) > 1 else None,
            ),
        )
    raise TypeError("a region and an image of different kinds")


def _film_rectangle(region: FilmRegion, shape: Sequence[int]) -> NDArray[np.float64]:
    left, right = np.clip([region.left, region.right], 0.0, float(shape[1]))
    top, bottom = np.clip([region.top, region.bottom], 0.0, float(shape[0]))
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])


def _statements(request: ResultRequest) -> sr.ContainerContentItem:
    container = sr.ContainerContentItem(
        name=_code(terminology.QUALITATIVE_EVALUATIONS),
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    texts = load("en")
    rows = [
        (terminology.CONCLUSION, conclusion(request, texts)),
        (terminology.COMMENT, f"{texts.text('terms.disclaimer')}. {texts.text('terms.unproven')}"),
        *((terminology.LIMIT, limit) for limit in limits(request, texts)),
    ]
    container.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(
                name=_code(name), value=text, relationship_type=RelationshipTypeValues.CONTAINS
            )
            for name, text in rows
        ]
    )
    return container


def own_coding_scheme() -> Dataset:
    """The declaration of our own coding scheme (Coding Scheme Identification Sequence item)."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = terminology.OWN_SCHEME
    scheme.CodingSchemeName = "Osteon finding attributes"
    scheme.CodingSchemeResponsibleOrganization = "Osteon"
    return scheme
