"""Whether a site accepts a model: criteria, record, and what follows for the next study."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from appliance.acceptance import (
    Acceptance,
    AcceptanceFile,
    Breach,
    Criteria,
    Standing,
    bar_unless_acceptable,
    judge,
    measure,
    standing,
)
from appliance.config.schema import Site
from appliance.daemon.site_word import SiteWord
from appliance.domain import Detection, FilmRegion, ModelIdentity
from appliance.errors import AnalysisError, LabelledSetError, StorageError
from appliance.evaluation import Estimate, Lesion, Overlap
from appliance.imaging import Image
from appliance.inference.pack_schema import PackSpec, parse_spec
from appliance.labelled import Labelled, LabelledCase, LabelledSet, Loaded
from appliance.ledger.models import ModelState
from tests.simulators import bright_squares
from tests.simulators.acceptances import acceptance
from tests.simulators.packs import description

MODEL = ModelIdentity("ct", "0.1.0.1", "a" * 64)
OTHER = replace(MODEL, digest="b" * 64)
ASKED = Criteria(0.8, 0.9, 1.0, 20, 30, 0.1)


def figures(sensitivity: float, specificity: float, false: float) -> dict[str, Estimate]:
    told = {
        "sensitivity-alert": sensitivity,
        "specificity-alert": specificity,
        "false-report": false,
    }
    return {name: Estimate(value, 0, 1, 9, 9, 9) for name, value in told.items()}


GOOD = figures(0.8, 0.9, 1.0)


def broken(
    told: dict[str, Estimate], *, fractured: int = 20, intact: int = 30, unread: int = 5
) -> list[str]:
    breaches = judge(told, fractured=fractured, intact=intact, unread=unread, criteria=ASKED)
    return [each.criterion for each in breaches]


def test_each_criterion_holds_at_its_own_value() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize(
    ("told", "counts", "criterion"),
    [
        (figures(0.79, 0.9, 1.0), {}, "sensitivity"),
        (figures(0.8, 0.89, 1.0), {}, "specificity"),
        (figures(0.8, 0.9, 1.01), {}, "false_marks"),
        (GOOD, {"fractured": 19, "intact": 60}, "fractured"),
        (GOOD, {"fractured": 60, "intact": 29}, "intact"),
        (GOOD, {"unread": 6}, "unread"),
        (figures(math.nan, 0.9, 1.0), {}, "sensitivity"),
        (figures(0.8, math.nan, 1.0), {}, "specificity"),
        (figures(0.8, 0.9, math.nan), {}, "false_marks"),
    ],
)
def test_a_criterion_that_fails_is_named(
    told: dict[str, Estimate], counts: dict[str, int], criterion: str
) -> None:
    assert broken(told, **counts) == [criterion]


def test_an_empty_set_holds_no_criterion() -> None:
    nothing = figures(math.nan, math.nan, math.nan)
    assert len(broken(nothing, fractured=0, intact=0, unread=0)) == 6


REFUSAL = Breach("sensitivity", None, 0.8)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    record = AcceptanceFile(tmp_path)
    assert record.read() == ()
    first, second = acceptance(MODEL), acceptance(OTHER, REFUSAL)
    record.keep(first)
    record.keep(second)
    assert AcceptanceFile(tmp_path).read() == (first, second)
    assert (tmp_path / "acceptances.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", ["", "[", "{}", '[{"by": "x"}]', "[1]"])
def test_a_broken_record_is_never_taken_for_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "acceptances.json").write_text(content)
    with pytest.raises(StorageError, match="acceptance-broken"):
        AcceptanceFile(tmp_path).read()
    with pytest.raises(StorageError, match="acceptance-broken"):
        AcceptanceFile(tmp_path).keep(acceptance(MODEL))
    with pytest.raises(AnalysisError, match="acceptance-broken"):
        SiteWord(tmp_path).check(MODEL, 0.6, is_required=False)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([], Standing.UNJUDGED),
        ([acceptance(OTHER)], Standing.UNJUDGED),
        ([acceptance(MODEL)], Standing.ACCEPTED),
        ([acceptance(MODEL, alert=0.5)], Standing.OTHER_THRESHOLD),
        ([acceptance(MODEL), acceptance(MODEL, REFUSAL)], Standing.REFUSED),
        ([acceptance(MODEL, REFUSAL, alert=0.5)], Standing.REFUSED),
        ([acceptance(MODEL, REFUSAL), acceptance(MODEL)], Standing.ACCEPTED),
        ([acceptance(MODEL), acceptance(OTHER, REFUSAL)], Standing.ACCEPTED),
    ],
)
def test_the_latest_word_on_the_very_pack_decides(
    kept: list[Acceptance], expected: Standing
) -> None:
    assert standing(kept, MODEL, 0.6)[0] is expected


@pytest.mark.parametrize("is_required", [True, False])
@pytest.mark.parametrize("found", list(Standing))
def test_who_may_read(found: Standing, *, is_required: bool) -> None:
    may = found is Standing.ACCEPTED or (found is not Standing.REFUSED and not is_required)
    if may:
        bar_unless_acceptable(found, is_required=is_required)
    else:
        code = "pack-refused-by-site" if found is Standing.REFUSED else "pack-not-accepted"
        with pytest.raises(AnalysisError, match=code):
            bar_unless_acceptable(found, is_required=is_required)


def test_a_refusal_is_in_force_at_once_and_so_is_an_acceptance(tmp_path: Path) -> None:
    word, record = SiteWord(tmp_path), AcceptanceFile(tmp_path)
    word.check(MODEL, 0.6, is_required=False)
    record.keep(acceptance(MODEL, REFUSAL))
    with pytest.raises(AnalysisError, match="pack-refused-by-site"):
        word.check(MODEL, 0.6, is_required=False)
    word.check(OTHER, 0.6, is_required=False)
    record.keep(acceptance(MODEL))
    word.check(MODEL, 0.6, is_required=True)


def test_the_technician_is_told_of_every_barred_model(tmp_path: Path) -> None:
    AcceptanceFile(tmp_path).keep(acceptance(MODEL, REFUSAL))
    states = [ModelState("ct", "0.1.0.1", "a" * 64), ModelState("dr", "0.1.0.1", "d" * 64)]
    site = Site.model_construct(acceptance=Site.model_fields["acceptance"].default)
    down = list(SiteWord(tmp_path).barred(site, states))
    assert [(each.name, each.code) for each in down] == [("ct", "pack-refused-by-site")]
    required = site.acceptance.model_copy(update={"required": True})
    down = list(SiteWord(tmp_path).barred(site.model_copy(update={"acceptance": required}), states))
    assert [(each.name, each.code) for each in down] == [
        ("ct", "pack-refused-by-site"),
        ("dr", "pack-not-accepted"),
    ]


def spec(**changes: object) -> PackSpec:
    return parse_spec(yaml.safe_dump(description(**changes)).encode())


def labelled(*cases: LabelledCase) -> LabelledSet:
    return LabelledSet(Labelled.COCO, "film", Overlap(0.5), (), cases)


def test_what_cannot_be_read_is_counted_and_not_passed_over() -> None:
    box = FilmRegion(16, 36, 25, 45)
    truth = {"seen": (Lesion(box),), "unreadable": (Lesion(box),), "intact": ()}
    cases = [
        LabelledCase(name, name, (), lambda name=name: Loaded(bright_squares.film(), truth[name]))
        for name in truth
    ]

    def read(case: LabelledCase, _: Image) -> tuple[Detection, ...]:
        if case.name == "unreadable":
            raise AnalysisError("film-blank")
        return (Detection("spot", 0.9, box),) if case.name == "seen" else ()

    turned: list[int] = []
    found = measure(labelled(*cases), spec(), read, turned.append)
    assert (found.fractured, found.intact, found.unread) == (1, 1, ("film-blank",))
    assert [exam.score for exam in found.exams] == [0.9, 0.0]
    assert turned == [1, 2, 3]


def test_films_are_not_measured_with_a_model_for_volumes() -> None:
    volumes = replace(labelled(), image="volume")
    with pytest.raises(LabelledSetError, match="labelled-set-other"):
        measure(volumes, spec(), lambda *_: (), lambda _: None)
