"""Finished readings of synthetic studies: what the results and alerts are made from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from appliance.domain import (
    Bone,
    CaseCode,
    Detection,
    Detections,
    Evidence,
    Execution,
    FilmRegion,
    Finding,
    FractureType,
    FrameFacts,
    InstanceFacts,
    Job,
    ModelIdentity,
    Read,
    Reason,
    Series,
    Side,
    Study,
    StudyKey,
    VolumeRegion,
)
from appliance.imaging import Film, Volume
from appliance.pipeline.results.request import Device, ResultRequest, Scope

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
CASE = CaseCode("ABC-D3F2")
_HEADER = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080020": {"vr": "DA", "Value": ["20261121"]},
    "00080030": {"vr": "TM", "Value": ["031415"]},
    "00080050": {"vr": "SH", "Value": ["ACC-0042"]},
    "00080090": {"vr": "PN", "Value": [{"Alphabetic": "Doctor^Duty"}]},
    "00081030": {"vr": "LO", "Value": ["胸部CT平扫"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}]},
    "00100020": {"vr": "LO", "Value": ["P-0815"]},
    "00100030": {"vr": "DA", "Value": ["19570304"]},
    "00100040": {"vr": "CS", "Value": ["M"]},
    "00101010": {"vr": "AS", "Value": ["069Y"]},
    "00200010": {"vr": "SH", "Value": ["S1"]},
}
ATTRIBUTES = json.dumps(_HEADER)
CT_MODEL = ModelIdentity("ct-thorax-fracture", "0.1.0.1", "sha256:00aa11bb22cc33dd")
FILM_MODEL = ModelIdentity("dr-fracture", "0.1.0.1", "sha256:44ee55ff66aa77bb")


def chest(shape: tuple[int, int, int] = (60, 128, 128)) -> Volume:
    """A crude chest: body, lungs, twelve pairs of rings as ribs, a spine; patient supine."""
    slices, rows, columns = shape
    z, y, x = np.meshgrid(
        np.arange(slices), np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij"
    )
    body = (x / 0.9) ** 2 + (y / 0.62) ** 2
    lung = ((np.abs(x) - 0.38) / 0.3) ** 2 + (y / 0.45) ** 2
    voxels = np.full(shape, -1000.0)
    voxels[body < 1] = 30.0
    voxels[lung < 1] = -850.0
    voxels[(np.abs(body - 0.8) < 0.08) & (z % 5 < 2)] = 700.0
    voxels[(x**2 + (y - 0.42) ** 2) < 0.012] = 600.0
    spacing = 360.0 / columns
    axes = np.array([[0.0, 0.0, spacing], [0.0, spacing, 0.0], [5.0, 0.0, 0.0]])
    origin = np.array([-180.0, -180.0, -1200.0])
    return Volume(voxels.astype(np.int16), origin, axes)


def film(rows: int = 300, columns: int = 240) -> Film:
    """Two bright shafts on a dark ground."""
    x = np.linspace(-1, 1, columns)[None, :]
    shafts = np.exp(-(((np.abs(x) - 0.3) / 0.12) ** 2)) * np.ones((rows, 1))
    return Film((0.1 + 0.7 * shafts).astype(np.float32), (0.15, 0.15))


def instance(number: int, series_uid: str, modality: str, frame: FrameFacts) -> InstanceFacts:
    """The header facts of one plain single-frame instance."""
    ct = modality == "CT"
    return InstanceFacts(
        spooled_id=number,
        study_uid=STUDY_UID,
        series_uid=series_uid,
        sop_instance_uid=f"{series_uid}.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2" if ct else "1.2.840.10008.5.1.4.1.1.1.1",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        frame_of_reference_uid="1.2.826.0.1.3680043.8.498.9" if ct else "",
        modality=modality,
        image_type=("ORIGINAL", "PRIMARY"),
        body_part="CHEST" if ct else "HAND",
        study_description="",
        series_description="",
        protocol_name="",
        view_position="",
        laterality="",
        photometric_interpretation="MONOCHROME2",
        presentation_intent="",
        convolution_kernel="",
        patient_age_years=69.0,
        rows=128,
        columns=128,
        frames=(frame,),
        samples_per_pixel=1,
        bits_allocated=16,
        bits_stored=12,
        pixel_representation=1 if ct else 0,
        instance_number=number,
        acquisition_number=1,
        images_in_acquisition=None,
        imager_pixel_spacing_mm=None,
        has_pixels=True,
        manufacturer="",
        has_burned_in_annotation=False,
    )


def _frame(position: tuple[float, float, float] | None) -> FrameFacts:
    return FrameFacts(0, position, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (2.8, 2.8), 5.0)


def ct_request(
    detections: tuple[tuple[Detection, bool], ...], volume: Volume | None = None
) -> ResultRequest:
    """A CT reading with these detections; the flag says which are urgent."""
    volume = volume or chest()
    series_uid = f"{STUDY_UID}.10"
    facts = tuple(
        instance(number, series_uid, "CT", _frame((-180.0, -180.0, 5.0 * number)))
        for number in range(1, volume.voxels.shape[0] + 1)
    )
    job = Job(
        pack="ct-thorax-fracture",
        series_uid=series_uid,
        spooled_ids=tuple(item.spooled_id for item in facts),
        slice_thickness_mm=5.0,
        slice_increment_mm=volume.spacing_mm[0],
        notes=(Reason("thick-slices", "5.0 mm"),),
    )
    return _request(
        Study(
            StudyKey("k1"),
            1,
            (Series(series_uid, "CT", facts),),
            (Evidence.ASSOCIATION_RELEASED,),
        ),
        {job: volume},
        {job: detections},
        CT_MODEL,
        Scope("ct-thorax-fracture", (Bone.RIB,), ("Only fractures of ribs.",)),
    )


def film_request(detections: tuple[tuple[Detection, bool], ...], *films: Film) -> ResultRequest:
    """A film reading: every film of one series gets the same detections."""
    films = films or (film(),)
    series_uid = f"{STUDY_UID}.20"
    facts = tuple(
        instance(number, series_uid, "DX", _frame(None)) for number in range(1, len(films) + 1)
    )
    jobs = [Job("dr-fracture", series_uid, (item.spooled_id,), None, None) for item in facts]
    return _request(
        Study(
            StudyKey("k2"),
            1,
            (Series(series_uid, "DX", facts),),
            (Evidence.ASSOCIATION_RELEASED,),
        ),
        dict(zip(jobs, films, strict=True)),
        dict.fromkeys(jobs, detections),
        FILM_MODEL,
        Scope("dr-fracture", (Bone.HAND, Bone.LEG, Bone.HIP, Bone.SHOULDER)),
    )


def mixed(first: ResultRequest, second: ResultRequest) -> ResultRequest:
    """One study with a CT and a film."""
    return replace(
        first,
        study=replace(first.study, series=first.study.series + second.study.series),
        read=replace(
            first.read,
            findings=first.read.findings + second.read.findings,
            detections=first.read.detections + second.read.detections,
        ),
        images={**first.images, **second.images},
        scopes=first.scopes + second.scopes,
    )


def _request(
    study: Study,
    images: dict[Job, Volume] | dict[Job, Film],
    detections: dict[Job, tuple[tuple[Detection, bool], ...]],
    model: ModelIdentity,
    scope: Scope,
) -> ResultRequest:
    read = Read(
        findings=tuple(
            Finding(detection, job.series_uid, job.pack, urgent)
            for job, marked in detections.items()
            for detection, urgent in marked
        ),
        detections=tuple(
            Detections(
                job,
                model,
                Execution("onnxruntime", "CPU", 1.0),
                tuple(detection for detection, _ in marked),
            )
            for job, marked in detections.items()
        ),
    )
    return ResultRequest(
        study=study,
        read=read,
        case=CASE,
        images={job: image for job, image in images.items()},  # noqa: C416 - widens the type
        attributes=ATTRIBUTES,
        scopes=(scope,),
        device=Device("Osteon project", "Osteon", "0.1.0.1", "BOX-1"),
        decided_at=1_795_230_000.0,
        uid_seed=b"seed of study 1, revision 1",
    )


def rib(
    number: int | None = 7,
    *,
    side: Side = Side.LEFT,
    score: float = 0.87,
    centre: tuple[float, float, float] = (120.0, 20.0, -1050.0),
    kind: FractureType = FractureType.DISPLACED,
    bone: Bone = Bone.RIB,
) -> Detection:
    """A detection in the synthetic chest."""
    return Detection(
        label="rib-fracture",
        score=score,
        region=VolumeRegion(centre, (24.0, 24.0, 16.0)),
        bone=bone,
        type=kind,
        side=side,
        rib_number=number,
    )


def film_fracture(score: float = 0.91, bone: Bone = Bone.HAND) -> Detection:
    """A detection on the synthetic film."""
    return Detection(
        label="fracture", score=score, region=FilmRegion(60.0, 110.0, 110.0, 170.0), bone=bone
    )
