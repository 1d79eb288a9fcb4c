"""`InstanceFacts` as a decoder would give them, for tests of pure decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from appliance.domain import FrameFacts, InstanceFacts, Study, StudyKey, Vector
from appliance.pipeline.assemble.series import build_series

_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
_DX_CLASS = "1.2.840.10008.5.1.4.1.1.1.1"


def frame(position: Vector | None, **changes: Any) -> FrameFacts:
    plain = FrameFacts(0, position, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.7, 0.7), 1.0, 1.0, -1024.0)
    return replace(plain, **changes)


def instance(number: int, **changes: Any) -> InstanceFacts:
    """A CT slice of an adult's chest whose centre of the first voxel is `number` mm up."""
    plain = InstanceFacts(
        spooled_id=number,
        study_uid="1.2.3",
        series_uid="1.2.3.1",
        sop_instance_uid=f"1.2.3.1.{number}",
        sop_class_uid=_CT_CLASS,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        frame_of_reference_uid="1.2.3.9",
        modality="CT",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        body_part="CHEST",
        study_description="",
        series_description="",
        protocol_name="",
        view_position="",
        laterality="",
        photometric_interpretation="MONOCHROME2",
        presentation_intent="",
        convolution_kernel="B60F",
        patient_age_years=56.0,
        rows=512,
        columns=512,
        frames=(frame((0.0, 0.0, float(number))),),
        samples_per_pixel=1,
        bits_allocated=16,
        bits_stored=12,
        pixel_representation=0,
        instance_number=number,
        acquisition_number=1,
        images_in_acquisition=None,
        imager_pixel_spacing_mm=None,
        has_pixels=True,
        manufacturer="SIMULATOR",
        has_burned_in_annotation=False,
        series_number=1,
    )
    return replace(plain, **changes)


def slices(
    count: int, *, step: float = 1.0, first_id: int = 1, **changes: Any
) -> list[InstanceFacts]:
    """Slices from the feet upwards, `step` mm apart; thickness as the step unless said."""
    thickness = changes.pop("thickness", step)
    uid = changes.get("series_uid", "1.2.3.1")
    return [
        instance(
            first_id + index,
            sop_instance_uid=f"{uid}.{first_id + index}",
            frames=(frame((0.0, 0.0, index * step), slice_thickness_mm=thickness),),
            **changes,
        )
        for index in range(count)
    ]


def film(number: int, **changes: Any) -> InstanceFacts:
    """An adult's ankle from the front."""
    described: dict[str, Any] = {
        "sop_class_uid": _DX_CLASS,
        "modality": "DX",
        "image_type": ("ORIGINAL", "PRIMARY"),
        "series_uid": f"1.2.3.{100 + number}",
        "body_part": "ANKLE",
        "view_position": "AP",
        "convolution_kernel": "",
        "rows": 2000,
        "columns": 1500,
        "frames": (FrameFacts(0, None, None, None, None, None),),
    }
    return instance(number, **(described | changes))


def study(facts: list[InstanceFacts]) -> Study:
    series, left_out = build_series(facts)
    return Study(StudyKey("0" * 32), 1, series, (), (), left_out)
