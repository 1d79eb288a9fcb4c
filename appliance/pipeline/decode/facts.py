"""From a parsed header to `InstanceFacts`: single-frame objects and functional groups alike."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any, Final

from pydicom.dataset import Dataset

from appliance.domain import FrameFacts, InstanceFacts, Vector
from appliance.errors import DecodeError
from appliance.pipeline.decode.attributes import check_identity, uid
from appliance.pipeline.decode.part10 import Header
from appliance.pipeline.decode.text import character_sets, text

LARGEST_FRAME: Final = 64 * 2**20
"""Pixels of one frame: 8,192 x 8,192. The largest detectors have a third of that."""
MOST_FRAMES: Final = 4096
LARGEST_OBJECT_BYTES: Final = 1280 * 2**20
"""Pixels of one object before compression; 2,500 slices of 512 x 512."""
_TEXT_LENGTH: Final = 256
_DAYS: Final = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
_PIXEL_INTEGERS: Final = ("Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel")


def instance_facts(header: Header, spooled_id: int) -> InstanceFacts:
    """What the header says, as far as deciding needs it.

    Raises DecodeError: "uid-invalid", "attribute-invalid", "frame-too-large", "too-many-frames",
    "volume-too-large".
    """
    dataset = header.dataset
    check_identity(dataset)
    declared = character_sets(dataset)

    def words(keyword: str) -> str:
        return text(dataset, keyword, declared).upper()[:_TEXT_LENGTH]

    pixel = {keyword: pixel_integer(dataset, keyword) for keyword in _PIXEL_INTEGERS}
    if header.pixels and pixel_bytes(dataset) > LARGEST_OBJECT_BYTES:
        raise DecodeError("volume-too-large", f"{pixel_bytes(dataset) >> 20} MiB")
    return InstanceFacts(
        spooled_id=spooled_id,
        study_uid=uid(dataset, "StudyInstanceUID"),
        series_uid=uid(dataset, "SeriesInstanceUID"),
        sop_instance_uid=uid(dataset, "SOPInstanceUID"),
        sop_class_uid=uid(dataset, "SOPClassUID"),
        transfer_syntax_uid=header.transfer_syntax_uid,
        frame_of_reference_uid=uid(dataset, "FrameOfReferenceUID"),
        modality=words("Modality"),
        image_type=tuple(part.strip() for part in words("ImageType").split("\\") if part.strip()),
        body_part=words("BodyPartExamined"),
        study_description=words("StudyDescription"),
        series_description=words("SeriesDescription"),
        protocol_name=words("ProtocolName"),
        view_position=words("ViewPosition"),
        laterality=words("ImageLaterality") or words("Laterality"),
        photometric_interpretation=words("PhotometricInterpretation"),
        presentation_intent=words("PresentationIntentType"),
        convolution_kernel=words("ConvolutionKernel"),
        patient_age_years=_age(dataset),
        rows=pixel["Rows"],
        columns=pixel["Columns"],
        frames=frame_facts(dataset) if header.pixels else (),
        samples_per_pixel=pixel["SamplesPerPixel"],
        bits_allocated=pixel["BitsAllocated"],
        bits_stored=pixel["BitsStored"],
        pixel_representation=_integer(dataset, "PixelRepresentation") or 0,
        instance_number=_integer(dataset, "InstanceNumber"),
        acquisition_number=_integer(dataset, "AcquisitionNumber"),
        images_in_acquisition=_integer(dataset, "ImagesInAcquisition"),
        imager_pixel_spacing_mm=_pair(dataset, "ImagerPixelSpacing"),
        has_pixels=header.pixels is not None,
        manufacturer=words("Manufacturer"),
        has_burned_in_annotation=words("BurnedInAnnotation") == "YES",
        series_number=_integer(dataset, "SeriesNumber"),
        anatomic_region=_meanings(dataset, "AnatomicRegionSequence", declared),
    )


def frame_count(dataset: Dataset) -> int:
    """Number of Frames; 1 where it is missing. Raises DecodeError when out of bounds."""
    count = _integer(dataset, "NumberOfFrames")
    if count is None:
        return 1
    if not 1 <= count <= MOST_FRAMES:
        raise DecodeError("too-many-frames" if count > 0 else "attribute-invalid", str(count))
    return count


def pixel_integer(dataset: Dataset, keyword: str) -> int:
    """A number that describes pixels: 0 when missing; DecodeError when its VR or value is wrong."""
    if keyword not in dataset:
        return 0
    try:
        element = dataset[keyword]
    except (ValueError, TypeError, NotImplementedError, AttributeError):
        raise DecodeError("attribute-invalid", keyword) from None
    if element.VR != "US" or type(element.value) is not int:
        raise DecodeError("attribute-invalid", keyword)
    return int(element.value)


def pixel_bytes(dataset: Dataset) -> int:
    """Bytes that the declared pixels take when they are not compressed; bounds are checked."""
    rows, columns = pixel_integer(dataset, "Rows"), pixel_integer(dataset, "Columns")
    if rows * columns > LARGEST_FRAME:
        raise DecodeError("frame-too-large", f"{rows} x {columns}")
    return rows * columns * frame_count(dataset) * (pixel_integer(dataset, "BitsAllocated") // 8)


def frame_facts(dataset: Dataset) -> tuple[FrameFacts, ...]:
    """Where each frame lies and how its values are scaled."""
    shared = _items(dataset, "SharedFunctionalGroupsSequence")
    own = _items(dataset, "PerFrameFunctionalGroupsSequence")
    layers = [*shared[:1], dataset]
    return tuple(
        _frame(index, [own[index], *layers] if index < len(own) else layers)
        for index in range(frame_count(dataset))
    )


def _frame(index: int, layers: Sequence[Dataset]) -> FrameFacts:
    """One frame: its own functional groups come first, then the shared ones, then the top level."""
    orientation = _found(layers, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    spacing = _found(layers, "PixelMeasuresSequence", "PixelSpacing", 2)
    thickness = _found(layers, "PixelMeasuresSequence", "SliceThickness", 1)
    position = _found(layers, "PlanePositionSequence", "ImagePositionPatient", 3)
    slope = _found(layers, "PixelValueTransformationSequence", "RescaleSlope", 1)
    intercept = _found(layers, "PixelValueTransformationSequence", "RescaleIntercept", 1)
    return FrameFacts(
        index=index,
        position_lps_mm=_vector(position),
        row_direction=_vector(orientation[:3] if orientation else None),
        column_direction=_vector(orientation[3:] if orientation else None),
        pixel_spacing_mm=(spacing[0], spacing[1]) if spacing else None,
        slice_thickness_mm=thickness[0] if thickness else None,
        rescale_slope=slope[0] if slope else None,
        rescale_intercept=intercept[0] if intercept else None,
    )


def _found(
    layers: Sequence[Dataset], group: str, keyword: str, count: int
) -> tuple[float, ...] | None:
    for layer in layers:
        items = _items(layer, group)
        values = _floats((items or [layer])[0], keyword)
        if values is not None:
            return values if len(values) == count else None
    return None


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    value = dataset.get(keyword, None)
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _meanings(dataset: Dataset, keyword: str, declared: Sequence[str]) -> str:
    """Code Meanings of a sequence of codes, upper-cased."""
    said = (text(item, "CodeMeaning", declared) for item in _items(dataset, keyword))
    return " | ".join(filter(None, said)).upper()[:_TEXT_LENGTH]


def _vector(values: tuple[float, ...] | None) -> Vector | None:
    return (values[0], values[1], values[2]) if values else None


def _value(dataset: Dataset, keyword: str) -> Any:  # noqa: ANN401 - whatever the object holds
    """An element's value; None when it is missing or does not convert."""
    try:
        return dataset.get(keyword, None)
    except (ValueError, TypeError, NotImplementedError, AttributeError, OverflowError):
        return None


def _floats(dataset: Dataset, keyword: str) -> tuple[float, ...] | None:
    """All values; None when the element is missing, `()` when one is no finite number."""
    if keyword not in dataset:
        return None
    value = _value(dataset, keyword)
    try:
        values = [value] if isinstance(value, str | int | float) else list(value or ())
        numbers = tuple(float(one) for one in values)
    except (TypeError, ValueError):
        return ()
    return numbers if all(math.isfinite(one) for one in numbers) else ()


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    match _floats(dataset, keyword):
        case (float(between_rows), float(between_columns)):
            return between_rows, between_columns
        case _:
            return None


def _integer(dataset: Dataset, keyword: str) -> int | None:
    match _floats(dataset, keyword):
        case (float(number),) if number.is_integer():
            return int(number)
        case _:
            return None


def _age(dataset: Dataset) -> float | None:
    """Patient's Age, or what birth date and study date say."""
    stated = text(dataset, "PatientAge", ())
    if stated[:-1].isdecimal() and stated[-1:] in _DAYS:
        return int(stated[:-1]) * _DAYS[stated[-1]] / _DAYS["Y"]
    try:
        born, examined = (
            dt.date.fromisoformat(text(dataset, keyword, ()))
            for keyword in ("PatientBirthDate", "StudyDate")
        )
    except ValueError:
        return None
    years = (examined - born).days / _DAYS["Y"]
    return years if years >= 0 else None
