"""What the structured report says, and that it says the same each time it is made."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from appliance.domain import Bone, FractureType, ScoreRange, Side, VolumeRegion
from appliance.imaging import Volume
from appliance.pipeline.results.geometry import index_box, slice_rectangle
from appliance.pipeline.results.make import make_results
from appliance.pipeline.results.request import derived_uid, located
from appliance.terminology import finding_site, fracture_type, laterality
from tests.simulators.readings import (
    CASE,
    chest,
    ct_request,
    film,
    film_fracture,
    film_request,
    mixed,
    rib,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from appliance.pipeline.results.request import ResultRequest

PICTURE = np.zeros((60, 80, 3), dtype=np.uint8)


def report(request: ResultRequest) -> Dataset:
    return dcmread(io.BytesIO(make_results(request, [])[0].part10))


def items(node: Dataset) -> Iterator[Dataset]:
    for item in node.get("ContentSequence", ()):
        yield item
        yield from items(item)


def named(node: Dataset, meaning: str) -> list[Any]:
    return [
        item
        for item in items(node)
        if item.ConceptNameCodeSequence and item.ConceptNameCodeSequence[0].CodeMeaning == meaning
    ]


def words(node: Dataset) -> str:
    return "\n".join(str(item.TextValue) for item in items(node) if "TextValue" in item)


def test_one_group_for_each_finding_with_site_side_score_and_model() -> None:
    right = rib(None, side=Side.RIGHT, score=0.4, kind=FractureType.BUCKLE)
    made = report(ct_request(((right, False), (rib(7), True))))
    first, second = named(made, "Measurement Group")
    site = named(first, "Finding Site")[0]
    assert site.ConceptCodeSequence[0].CodeValue == "24915002"
    assert named(site, "Laterality")[0].ConceptCodeSequence[0].CodeMeaning == "Left"
    assert named(first, "Finding")[0].ConceptCodeSequence[0].CodeValue == "72704001"
    score = named(first, "Certainty of Finding")[0].MeasuredValueSequence[0]
    assert score.NumericValue == 87
    assert score.MeasurementUnitsCodeSequence[0].CodeValue == "%"
    assert named(first, "Algorithm Name")[0].TextValue == "ct-thorax-fracture"
    assert named(first, "Algorithm Version")[0].TextValue == "0.1.0.1"
    assert named(first, "Urgency at this site")[0].ConceptCodeSequence[0].CodeValue == "urgent"
    unnumbered = named(second, "Finding Site")[0]
    assert unnumbered.ConceptCodeSequence[0].CodeValue == "113197003"
    assert named(second, "Fracture type")[0].ConceptCodeSequence[0].CodeValue == "buckle"


def test_each_group_says_whether_its_score_was_measured() -> None:
    request = ct_request(((rib(7, score=0.97), True), (rib(8, score=0.8), True), (rib(9), False)))
    standings = (ScoreRange.OUTSIDE, ScoreRange.WITHIN, ScoreRange.NOT_MEASURED)
    findings = tuple(
        replace(finding, score_range=standing)
        for finding, standing in zip(request.read.findings, standings, strict=True)
    )
    made = report(replace(request, read=replace(request.read, findings=findings)))
    said = named(made, "Whether the score lies where scores were measured")
    assert [each.ConceptCodeSequence[0].CodeMeaning for each in said] == [
        "Score outside the range in which it was measured",
        "Score within the range in which it was measured",
        "Range of the score not measured",
    ]
    assert all(len(each.ConceptCodeSequence[0].CodeValue) <= 16 for each in said)  # SH


def test_a_volume_region_is_a_rectangle_in_the_frame_of_reference() -> None:
    made = report(ct_request(((rib(centre=(120.0, 20.0, -1052.0)), True),)))
    region = named(made, "Image Region")[0]
    points = np.array(region.GraphicData).reshape(-1, 3)
    assert region.GraphicType == "POLYGON"
    assert region.ReferencedFrameOfReferenceUID == "1.2.826.0.1.3680043.8.498.9"
    np.testing.assert_allclose(points[:, 2], -1050.0, atol=1e-3)  # the nearest slice
    np.testing.assert_allclose(points.min(axis=0)[:2], (108.0, 8.0), atol=1e-3)
    np.testing.assert_allclose(points.max(axis=0)[:2], (132.0, 32.0), atol=1e-3)


def test_equal_detections_on_two_films_point_at_two_films() -> None:
    made = report(film_request(((film_fracture(), True),), film(), film()))
    regions = named(made, "Image Region")
    assert [list(region.GraphicData) for region in regions] == [
        [60, 110, 110, 110, 110, 170, 60, 170, 60, 110]
    ] * 2
    pictures = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in items(made)
        if item.ValueType == "IMAGE"
    }
    assert len(pictures) == 2


def test_evidence_names_every_slice_that_was_read() -> None:
    request = ct_request(((rib(), True),))
    series = report(request).CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    named_in_evidence = {item.ReferencedSOPInstanceUID for item in series[0].ReferencedSOPSequence}
    assert named_in_evidence == {
        facts.sop_instance_uid for facts in request.study.series[0].instances
    }


def test_the_document_says_what_it_is_and_what_it_is_not() -> None:
    made = report(ct_request(((rib(), True),)))
    assert "Investigational, not for diagnosis" in words(made)
    assert "Only fractures of ribs." in words(made)
    assert made.SeriesDescription == f"Osteon {CASE} findings"
    assert (made.PreliminaryFlag, made.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")


def test_a_study_with_a_ct_and_a_film_gets_a_report_on_each() -> None:
    ct = ct_request(((rib(score=0.4), False),))
    both = mixed(ct, film_request(((film_fracture(), True),)))
    on_volumes, on_films = (dcmread(io.BytesIO(made.part10)) for made in make_results(both, []))
    assert "No region above the alert threshold in rib" in words(on_volumes)
    assert "hand: fracture suspected" in words(on_films)
    # Numbers are those of the pictures: the urgent one of the film is the first.
    assert "finding 2" in named(on_volumes, "Tracking Identifier")[0].TextValue
    assert "finding 1" in named(on_films, "Tracking Identifier")[0].TextValue
    assert on_volumes.SOPInstanceUID != on_films.SOPInstanceUID
    assert on_volumes.SeriesInstanceUID == on_films.SeriesInstanceUID


def test_without_an_urgent_finding_it_never_says_that_nothing_is_there() -> None:
    text = words(report(ct_request(((rib(score=0.4), False),))))
    assert (
        "No region above the alert threshold in rib, 300 mm along the body axis, slice thickness "
        "5 mm; does not exclude a fracture." in text
    )
    assert "normal" not in text.replace("abnormal", "")
    assert "no fracture" not in text.lower()


def test_the_patient_is_copied_in_utf_8() -> None:
    made = report(ct_request(((rib(), True),)))
    assert made.SpecificCharacterSet == "ISO_IR 192"
    assert made.PatientName.ideographic == "王^小东"
    assert made.PatientID == "P-0815"
    assert made.StudyDescription == "胸部CT平扫"
    assert made.StudyInstanceUID == "1.2.826.0.1.3680043.8.498.1"


def test_a_header_without_anything_still_makes_a_document() -> None:
    odd = {"00100040": {"vr": "CS", "Value": ["U"]}}
    made = report(replace(ct_request(((rib(), True),)), attributes=json.dumps(odd)))
    assert (made.PatientID, made.PatientSex, str(made.PatientName)) == ("", "", "")


def test_making_it_again_makes_the_same_bytes_and_another_revision_other_uids() -> None:
    request = ct_request(((rib(), True),))
    first, again = (make_results(request, [PICTURE]) for _ in range(2))
    assert first == again
    other = make_results(replace(request, uid_seed=b"revision 2"), [PICTURE])
    assert not {made.sop_instance_uid for made in first} & {made.sop_instance_uid for made in other}


@given(st.binary(min_size=1, max_size=64), st.text(max_size=20))
def test_a_derived_uid_is_valid(seed: bytes, label: str) -> None:
    uid = derived_uid(seed, label)
    root, number = uid.rsplit(".", 1)
    assert root == "2.25"
    assert number == str(int(number))
    assert len(uid) <= 64
    assert derived_uid(seed, label) == uid


def test_every_term_has_a_code() -> None:
    sites = {finding_site(bone) for bone in Bone}
    ribs = {finding_site(Bone.RIB, number) for number in range(1, 13)}
    assert len(sites | ribs) == len(Bone) + 12
    assert finding_site(Bone.RIB, 13) == finding_site(Bone.RIB)
    assert {kind for kind in FractureType if fracture_type(kind) is None} == {
        FractureType.UNSPECIFIED
    }
    assert {side for side in Side if laterality(side) is not None} == {Side.LEFT, Side.RIGHT}


def test_urgent_findings_come_first_then_by_score() -> None:
    request = ct_request(
        ((rib(1, score=0.9), False), (rib(2, score=0.5), True), (rib(3, score=0.8), True))
    )
    ribs = [item.finding.detection.rib_number for item in located(request.read)]
    assert ribs == [3, 2, 1]


def test_a_finding_that_no_job_made_is_an_error() -> None:
    request = ct_request(((rib(), True),))
    alien = replace(request.read.findings[0], detection=rib(9))
    with pytest.raises(ValueError, match="no job"):
        located(replace(request.read, findings=(alien,)))


@given(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6), st.floats(-60, 60), st.floats(-60, 60))
def test_a_rectangle_on_tilted_slices_lies_in_one_slice_round_the_centre(
    turn: float, tilt: float, x: float, y: float
) -> None:
    straight = chest((20, 64, 64))
    about_z = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]
    )
    volume = Volume(straight.voxels, straight.origin_lps_mm, about_x @ about_z @ straight.axes)
    middle = volume.to_lps(np.array([10.0, 32.0, 32.0])) + np.array([x, y, 0.0])
    region = VolumeRegion((float(middle[0]), float(middle[1]), float(middle[2])), (20.0, 20.0, 9.0))
    index = volume.to_index(slice_rectangle(volume, region))
    centre = index_box(volume, region).centre
    np.testing.assert_allclose(index[:, 0], np.round(centre[0]), atol=1e-6)
    assert (index[:, 1:].min(axis=0) <= centre[1:]).all()
    assert (index[:, 1:].max(axis=0) >= centre[1:]).all()
