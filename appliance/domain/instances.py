"""What was received, and what the headers say: receive → assemble."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.domain.vocabulary import InstanceKey, SeriesKey, StudyKey

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SpooledInstance:
    """One instance as it lies, sealed and durable, in the spool."""

    id: int
    blob: str
    study: StudyKey
    series: SeriesKey
    instance: InstanceKey
    digest: str
    sop_class_uid: str
    transfer_syntax_uid: str
    size: int
    association: int
    received_at: float


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Where one frame lies. `None` where the object does not say."""

    index: int
    position_lps_mm: Vector | None
    row_direction: Vector | None
    column_direction: Vector | None
    pixel_spacing_mm: tuple[float, float] | None
    """(between rows, between columns), as DICOM's Pixel Spacing."""
    slice_thickness_mm: float | None
    rescale_slope: float | None = None
    rescale_intercept: float | None = None


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What the header of one instance says, as far as deciding needs it. Sealed wherever it lies.

    Text values are upper-cased and stripped; numbers that are not finite are `None`.
    """

    spooled_id: int
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    frame_of_reference_uid: str
    modality: str
    image_type: tuple[str, ...]
    body_part: str
    study_description: str
    series_description: str
    protocol_name: str
    view_position: str
    laterality: str
    photometric_interpretation: str
    presentation_intent: str
    convolution_kernel: str
    patient_age_years: float | None
    rows: int
    columns: int
    frames: tuple[FrameFacts, ...]
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    instance_number: int | None
    acquisition_number: int | None
    images_in_acquisition: int | None
    imager_pixel_spacing_mm: tuple[float, float] | None
    has_pixels: bool
    manufacturer: str
    has_burned_in_annotation: bool
    series_number: int | None = None
    anatomic_region: str = ""
    """The meanings of Anatomic Region Sequence, which DX objects must have (PS3.3 C.8.11.2)."""


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Whom the printed page names: legible text, without control characters. Sealed where it lies.

    name: alphabetic group, then the ideographic one in brackets where there is one.
    birth_date: YYYYMMDD, or empty.
    """

    name: str
    patient_id: str
    birth_date: str
    sex: str
    study_date: str
    study_time: str
    accession_number: str


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """All that is kept of one instance's header. Sealed wherever it lies.

    attributes: what our own objects repeat of it (patient, study, series, geometry), as the DICOM
    JSON model (PS3.18 annex F), already cleaned so that each value is valid for its VR.
    """

    facts: InstanceFacts
    patient: PatientFacts
    attributes: str
