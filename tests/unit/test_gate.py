"""What the packs may read, what is positively something else, and what a person is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appliance.domain import Admitted, InstanceFacts, OutOfScope, PackScope, Reason, Refused
from appliance.pipeline.anatomy import named_parts
from appliance.pipeline.gate import decide
from appliance.pipeline.kernels import is_smooth_or_lung
from appliance.reasons import REASONS, ReasonKind, sentence
from tests.simulators.headers import film, instance, slices, study

CHEST = PackScope("ct", "volume", ("CT",), ("CHEST", "THORAX", "RIB"), 18, (0.4, 5.5), 60, None)
LIMBS = PackScope("dr", "film", ("CR", "DX"), ("ANKLE", "FOOT", "HIP"), 18, None, None, 200)
RIBS = PackScope("ribs", "film", ("CR", "DX"), ("CHEST", "RIB"), 18, None, None, 200)
BOTH = (CHEST, LIMBS)
SR = {"modality": "SR", "has_pixels": False, "rows": 0, "columns": 0, "frames": ()}
DOSE = SR | {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.67"}
PHOTO = {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.7.4", "modality": "XC", "samples_per_pixel": 3}


def read(facts: list[InstanceFacts], scopes: tuple[PackScope, ...] = BOTH) -> Admitted:
    decision = decide(study(facts), scopes)
    assert isinstance(decision, Admitted), decision
    return decision


def series(uid: str, count: int = 200, **changes: Any) -> list[InstanceFacts]:
    first_id = 1000 * int(uid)
    return slices(count, first_id=first_id, series_uid=f"1.2.3.{uid}", **changes)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (slices(200, body_part="HEAD"), "body-part-not-covered"),
        (slices(200, body_part="", protocol_name="ROUTINE ABDOMEN"), "body-part-not-covered"),
        (slices(200, body_part="", series_description="头颅平扫"), "body-part-not-covered"),
        (slices(200, body_part="", study_description="CT SCHÄDEL NATIV"), "body-part-not-covered"),
        (slices(200, patient_age_years=9.0), "patient-too-young"),
        (slices(2, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")), "localizer"),
        (slices(1, modality="MR"), "modality-not-covered"),
        ([instance(1, **DOSE)], "dose-report"),
        ([instance(1, **SR)], "not-an-image"),
        ([instance(1, **PHOTO)], "secondary-capture"),
        ([instance(1, manufacturer="OSTEON")], "own-result"),
        ([film(1, body_part="CHEST")], "body-part-not-covered"),
        ([film(1, patient_age_years=3.0)], "patient-too-young"),
        (slices(40, image_type=("DERIVED", "SECONDARY", "MIP")), "derived-picture"),
    ],
)
def test_positively_something_else(facts: list[InstanceFacts], code: str) -> None:
    assert decide(study(facts), BOTH) == OutOfScope(Reason(code))


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (slices(200, body_part=""), "body-part-undetermined"),
        (slices(200, body_part="", study_description="TRAUMA"), "body-part-undetermined"),
        (slices(30), "field-too-small"),
        (slices(60, step=8.0), "slices-too-thick"),
        (slices(20, step=10.0, thickness=1.0), "slices-too-thick"),
        (slices(800, step=0.2), "slices-too-thin"),
        ([*slices(100), *slices(50, first_id=200)][:101], "duplicate-or-mixed"),
        ([film(1, rows=180)], "image-too-small"),
        ([film(1, series_description="THORAX PA")], "body-part-contradictory"),
        ([film(1, anatomic_region="CHEST")], "body-part-contradictory"),
        ([film(1, body_part="FOOT", protocol_name="SKULL AP")], "body-part-contradictory"),
        ([film(1, samples_per_pixel=3)], "image-in-colour"),
        ([instance(1, has_pixels=False, frames=())], "pixels-missing"),
    ],
)
def test_in_scope_and_not_readable(facts: list[InstanceFacts], code: str) -> None:
    decision = decide(study(facts), BOTH)
    if code == "duplicate-or-mixed":
        code = "duplicates-differ"
        facts[-1] = replace(facts[-1], sop_instance_uid="9.9")
        decision = decide(study(facts), BOTH)
    assert isinstance(decision, Refused), decision
    assert decision.reason.code == code


def test_coronal_slices_alone_are_refused() -> None:
    coronal = [
        replace(
            one,
            frames=(
                replace(
                    one.frames[0],
                    column_direction=(0.0, 0.0, -1.0),
                    position_lps_mm=(0.0, float(index), 0.0),
                ),
            ),
        )
        for index, one in enumerate(slices(100))
    ]
    assert decide(study(coronal), BOTH) == Refused(Reason("not-axial"))


def test_objects_that_could_not_be_read_are_told() -> None:
    unreadable = ((1, Reason("decoder-crashed")),)
    silent = replace(study([instance(2, **DOSE)]), unreadable=unreadable)
    assert decide(silent, BOTH) == Refused(Reason("decoder-crashed"))
    beside = replace(study(slices(200)), unreadable=unreadable)
    decision = decide(beside, BOTH)
    assert isinstance(decision, Admitted)
    assert decision.jobs[0].notes == (Reason("instances-unreadable", "1"),)


def test_without_a_pack_a_person_is_told() -> None:
    assert decide(study(slices(200)), ()) == Refused(Reason("no-pack"))


@pytest.mark.parametrize(
    "words",
    [
        {"body_part": "CHEST"},
        {"body_part": "THORAX"},
        {"body_part": "CHESTABDPELVIS"},
        {"body_part": "", "series_description": "胸部平扫 横断面"},
        {"body_part": "", "protocol_name": "HRCT_LUNG"},
        {"body_part": "", "study_description": "TC TÓRAX"},
        {"body_part": "", "study_description": "CT THORAX-ABDOMEN"},
        {"body_part": "", "study_description": "WHOLE BODY POLYTRAUMA"},
        {"body_part": "HEAD", "series_description": "THORAX 1.0 B60F"},
        {"body_part": "RIBS"},
    ],
)
def test_a_chest_is_recognised(words: dict[str, str]) -> None:
    assert read(slices(200, **words)).jobs[0].pack == "ct"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"image_type": ("DERIVED", "SECONDARY", "AXIAL")}),
        ({"step": 1.0}, {"step": 5.0, "count": 40}),
        ({"convolution_kernel": "B60F"}, {"convolution_kernel": "B80F"}),
        ({"convolution_kernel": "STANDARD"}, {"convolution_kernel": "LUNG"}),
        ({"step": 1.0}, {"step": 1.5, "count": 134}),
        ({"step": 2.0, "count": 150}, {"step": 1.0, "count": 80}),
        ({"step": 1.0, "convolution_kernel": "LUNG"}, {"step": 5.0, "count": 40}),
    ],
)
def test_the_better_series_is_read_and_the_other_recorded(
    better: dict[str, Any], worse: dict[str, Any]
) -> None:
    for order in (("1", "2"), ("2", "1")):
        mine, other = order
        decision = read([*series(mine, **better), *series(other, **worse)])
        assert [job.series_uid for job in decision.jobs] == [f"1.2.3.{mine}"]
        assert decision.set_aside == ((f"1.2.3.{other}", Reason("other-series-read")),)


@pytest.mark.parametrize(
    ("changes", "notes"),
    [
        ({}, []),
        ({"step": 5.0, "count": 40}, ["thick-slices"]),
        ({"patient_age_years": None}, ["age-unknown"]),
        ({"convolution_kernel": "FC52"}, ["smooth-kernel"]),
        ({"step": 2.0, "thickness": 1.0, "count": 100}, ["slices-apart"]),
    ],
)
def test_limits_go_on_the_result(changes: dict[str, Any], notes: list[str]) -> None:
    (job,) = read(series("1", **changes)).jobs
    assert [note.code for note in job.notes] == notes


def test_the_job_names_each_slice() -> None:
    (job,) = read(slices(200, step=1.5)).jobs
    assert job.spooled_ids == tuple(range(1, 201))
    assert (job.slice_increment_mm, job.slice_thickness_mm, job.frames) == (1.5, 1.5, ())


@pytest.mark.parametrize(
    "words",
    [
        {"body_part": "", "anatomic_region": "ANKLE JOINT"},
        {"body_part": "HIP", "series_description": "BECKEN UND HÜFTE"},
        {"body_part": "HIP", "series_description": "NECK OF FEMUR"},
        {"study_description": "POLYTRAUMA"},
        {"study_description": "THORAX, SPRUNGGELENK"},
    ],
)
def test_a_film_of_a_limb_is_recognised(words: dict[str, str]) -> None:
    assert read([film(1, **words)]).jobs


def test_every_film_that_fits_is_read() -> None:
    films = [film(1), film(2, view_position="LATERAL"), film(3, body_part="KNEE")]
    decision = read(films)
    assert [job.spooled_ids for job in decision.jobs] == [(1,), (2,)]
    assert decision.set_aside == ((films[2].series_uid, Reason("body-part-not-covered")),)


def test_a_film_that_cannot_be_read_is_said_on_the_others() -> None:
    decision = read([film(1), film(2, rows=100)])
    assert decision.jobs[0].notes == (Reason("other-film-not-read", "1"),)


def test_a_chest_film_from_the_side_is_not_for_the_rib_pack() -> None:
    side = film(1, body_part="CHEST", view_position="LL")
    assert decide(study([side]), (RIBS,)) == OutOfScope(Reason("view-not-covered"))
    assert read([film(1, body_part="CHEST", view_position="PA")], (RIBS,)).jobs


def test_of_the_two_forms_of_a_film_the_one_for_people_is_read() -> None:
    raw = film(1, presentation_intent="FOR PROCESSING")
    shown = film(2, presentation_intent="FOR PRESENTATION")
    assert [job.spooled_ids for job in read([raw, shown]).jobs] == [(2,)]
    assert [job.spooled_ids for job in read([raw]).jobs] == [(1,)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("UNTERSUCHUNG DER ABTEILUNG", set()),
        ("手术中", set()),
        ("横断面", set()),
        ("SHIP TO", set()),
        ("HIP LEFT", {"HIP"}),
        ("左踝关节正侧位", {"ANKLE"}),
        ("OSG RECHTS", {"ANKLE"}),
        ("TOBILLO AP", {"ANKLE"}),
        ("HEADNECK", {"HEAD"}),
        ("SURFACE", set()),
    ],
)
def test_words_for_parts_of_the_body(text: str, parts: set[str]) -> None:
    assert named_parts(text) == parts


@pytest.mark.parametrize(
    ("kernel", "smooth"),
    [
        ("B60F", False),
        ("BR40D\\3", False),
        ("BL57D", True),
        ("B20F", True),
        ("BONEPLUS", False),
        ("LUNG", True),
        ("FC30", False),
        ("FC52", True),
        ("YC", False),
        ("", False),
    ],
)
def test_kernels(kernel: str, smooth: bool) -> None:  # noqa: FBT001 - a table
    assert is_smooth_or_lung(kernel) == smooth


def test_every_reason_has_its_sentences() -> None:
    for code, wording in REASONS.items():
        assert wording.kind in ReasonKind
        assert sentence(code, "en").endswith(".")
        assert sentence(code, "zh").endswith("。")
