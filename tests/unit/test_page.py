"""The printed page: who, what, where, how to acknowledge, all on one legible A4 page."""

from __future__ import annotations

import re
import shutil
import string
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations, cycle
from pathlib import Path

import numpy as np
import pytest
import yaml

import appliance.pipeline
from appliance.alerts.catalogue import languages, load
from appliance.alerts.fonts import FontFile, font_file
from appliance.alerts.page import PageContent, render_page
from appliance.domain import (
    AlertFinding,
    AlertSummary,
    Bone,
    FractureType,
    MessageKind,
    PatientFacts,
    Reason,
    ScoreRange,
    Side,
)
from appliance.errors import ConfigError
from appliance.pipeline.results.statements import limits, looked_at
from tests.simulators.box import ROOT
from tests.simulators.readings import CASE, CT_MODEL, ct_request, rib

pytestmark = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="the Debian package poppler-utils is not installed"
)
A4 = (595.0, 842.0)
PATIENT = PatientFacts(
    "Wang XiaoDong (王小东)", "P-0815", "19570304", "M", "20261121", "031415", "ACC-0042"
)
LONG_NAME = "Longname-" * 7 + " " + "Second-Name " * 5 + "(欧阳" + "娜" * 60 + ")"


def content(
    count: int = 1,
    kind: MessageKind = MessageKind.CLINICAL_ALERT,
    ranges: tuple[ScoreRange, ...] = (ScoreRange.WITHIN,),
) -> PageContent:
    marked = tuple(
        (rib(place % 12 + 1, score=0.95 - 0.02 * place, kind=kind_, side=side), place < 3)
        for place, kind_, side in zip(range(count), cycle(FractureType), cycle(Side), strict=False)
    )
    request = ct_request(marked)
    findings = tuple(
        replace(item, score_range=standing)
        for item, standing in zip(request.read.findings, cycle(ranges), strict=False)
    )
    summary = AlertSummary(
        case=CASE,
        kind=kind,
        site="县人民医院 County Hospital",
        arrived_at=1_795_230_000.0,
        decided_at=1_795_230_011.0,
        findings=tuple(
            AlertFinding(
                item.detection.bone,
                item.detection.type,
                item.detection.side,
                item.detection.rib_number,
                item.detection.score,
            )
            for item in findings
            if item.urgent
        ),
        modality="CT",
    )
    picture = np.full((950, 1440, 3), 60, dtype=np.uint8)
    texts = load("en")
    return PageContent(
        summary,
        PATIENT,
        findings,
        looked_at(request, texts),
        limits(request, texts),
        (CT_MODEL,),
        "0.1.0.1",
        picture,
    )


def tool(name: str, pdf: bytes, folder: Path, *options: str) -> str:
    file = folder / "page.pdf"
    file.write_bytes(pdf)
    arguments = [name, *options, file, *(["-"] if name == "pdftotext" else [])]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def text(pdf: bytes, folder: Path) -> str:
    return " ".join(tool("pdftotext", pdf, folder, "-layout").split())


def test_it_says_who_what_and_how_to_acknowledge(tmp_path: Path) -> None:
    said = text(render_page(content()), tmp_path)
    for words in (
        "URGENT: fracture suspected",
        CASE,
        "Wang XiaoDong (王小东)",
        "P-0815",
        "1957-03-04",
        "male",
        "2026-11-21 03:14:15",
        "ACC-0042",
        "rib left 1 displaced 0.95 yes",
        "slice thickness 5 mm",
        "Only fractures of ribs.",
        "ct-thorax-fracture 0.1.0.1",
        f"osteon ack {CASE} --by NAME",
        "Investigational, not for diagnosis",
    ):
        assert words in said, words


def test_in_chinese(tmp_path: Path) -> None:
    said = text(render_page(replace(content(), language="zh")), tmp_path)
    for words in ("紧急：疑似骨折", "王小东", "左侧", "移位", "不得用于诊断"):  # noqa: RUF001 - Chinese
        assert words in said, words


def test_it_says_which_scores_were_not_measured(tmp_path: Path) -> None:
    said = text(render_page(content(4, ranges=tuple(ScoreRange))), tmp_path)
    assert "Score outside the range in which it was measured: finding 2" in said
    assert "states no range in which it was measured: finding 3" in said
    within = text(render_page(content(4)), tmp_path)
    assert "range in which it was measured" not in within


@pytest.mark.parametrize("language", languages())
def test_the_most_that_a_page_can_hold_stays_on_it_without_overlap(
    tmp_path: Path, language: str
) -> None:
    full = content(14, MessageKind.AMENDED_ALERT, tuple(ScoreRange))
    full = replace(
        full,
        language=language,
        patient=replace(PATIENT, name=LONG_NAME, patient_id="I" * 64, accession_number="A" * 16),
        summary=replace(full.summary, withdrawn=full.summary.findings * 4, site="S" * 80),
        looked_at=full.looked_at * 3,
        limits=("A limit of the model that is told in a rather long sentence.",) * 20,
    )
    pdf = render_page(full)
    assert "Pages: 1 " in " ".join(tool("pdfinfo", pdf, tmp_path).split())
    assert " image " in tool("pdfimages", pdf, tmp_path, "-list")
    boxes = word_boxes(pdf, tmp_path)
    assert len(boxes) > 100
    for left, top, right, bottom, _ in boxes:
        assert left >= 30
        assert top >= 30
        assert right <= A4[0] - 30
        assert bottom <= A4[1] - 30
    for one, other in combinations(boxes, 2):
        across = min(one[2], other[2]) - max(one[0], other[0])
        down = min(one[3], other[3]) - max(one[1], other[1])
        height = min(one[3] - one[1], other[3] - other[1])
        assert across <= 1.0 or down <= 0.45 * height, (one, other)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("pack", ["ct-thorax-fracture", "dr-fracture"])
def test_every_limit_of_the_packs_that_come_along_is_printed(
    tmp_path: Path, language: str, pack: str
) -> None:
    told = tuple(yaml.safe_load((ROOT / "models" / pack / "pack.yaml").read_text())["limits"])
    said = text(render_page(replace(content(6), language=language, limits=told)), tmp_path)
    for limit in told:
        assert " ".join(limit.split()) in said
    assert load(language).text("page.limits-rest") not in said


@pytest.mark.parametrize("language", languages())
def test_of_more_limits_than_fit_it_says_where_the_rest_stands(
    tmp_path: Path, language: str
) -> None:
    limits = tuple(f"Limit {number} is told in a long sentence." for number in range(40))
    said = text(render_page(replace(content(), language=language, limits=limits)), tmp_path)
    assert "Limit 9 is told" in said
    assert "Limit 39" not in said
    assert f"… {load(language).text('page.limits-rest')}" in said


def word_boxes(pdf: bytes, folder: Path) -> list[tuple[float, float, float, float, str]]:
    page = re.sub(r' xmlns="[^"]+"', "", tool("pdftotext", pdf, folder, "-bbox"))
    return [
        (
            float(word.attrib["xMin"]),
            float(word.attrib["yMin"]),
            float(word.attrib["xMax"]),
            float(word.attrib["yMax"]),
            word.text or "",
        )
        for word in ET.fromstring(page).iter("word")
    ]


def test_a_study_that_was_not_analysed_is_never_shown_as_one_without_findings(
    tmp_path: Path,
) -> None:
    page = content(0, MessageKind.NOT_ANALYSED)
    page = replace(
        page, summary=replace(page.summary, reason=Reason("geometry-missing", "spacing"))
    )
    said = text(render_page(page), tmp_path)
    assert "NOT ANALYSED" in said
    assert "Nothing is known about fractures in this study" in said
    assert "geometry-missing spacing" in said
    assert "王小东" in said
    assert "fracture suspected" not in said


def test_an_amendment_that_withdraws_everything_says_so(tmp_path: Path) -> None:
    page = content(2, MessageKind.AMENDED_ALERT)
    page = replace(
        page, summary=replace(page.summary, findings=(), withdrawn=page.summary.findings)
    )
    said = text(render_page(page), tmp_path)
    assert "AMENDED: earlier findings no longer marked as urgent" in said
    assert "does not exclude a fracture" in said
    assert "left rib 1" in said


def test_every_font_is_embedded(tmp_path: Path) -> None:
    rows = tool("pdffonts", render_page(content()), tmp_path).splitlines()[2:]
    assert rows
    assert all(row.split()[-5] == "yes" for row in rows)


def test_a_character_that_the_font_lacks_is_a_visible_box(tmp_path: Path) -> None:
    page = replace(content(), patient=replace(PATIENT, name="王\U0002a6d6小"))
    assert "王□小" in text(render_page(page), tmp_path)


def test_the_same_content_gives_the_same_bytes() -> None:
    assert render_page(content()) == render_page(content())


def test_without_a_font_it_fails_aloud() -> None:
    with pytest.raises(ConfigError, match="font-missing"):
        font_file((FontFile(Path("/nowhere/font.ttf"), 0),))


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="language-unknown"):
        load("xx")


def test_every_language_has_the_same_texts_with_the_same_placeholders() -> None:
    english = load("en").texts
    for language in languages():
        other = load(language).texts
        assert other.keys() == english.keys()
        for key, words in other.items():
            assert placeholders(words) == placeholders(english[key]), (language, key)
            assert words.strip(), (language, key)


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


@pytest.mark.parametrize("language", languages())
def test_every_term_of_the_domain_has_words(language: str) -> None:
    texts = load(language)
    for bone in Bone:
        for side in Side:
            for kind in FractureType:
                assert texts.finding(bone, side, None, kind)
                assert texts.finding(bone, side, 7, kind)
    assert texts.side(Side.LEFT) in texts.place(Bone.RIB, Side.LEFT, 7)
    assert texts.side(Side.MIDLINE) not in texts.place(Bone.STERNUM, Side.MIDLINE, None)


@pytest.mark.parametrize(("language", "words"), [("en", "not determinable"), ("zh", "无法确定")])
def test_what_could_not_be_counted_is_said(language: str, words: str) -> None:
    texts = load(language)
    assert words in texts.place(Bone.RIB, Side.LEFT, None)
    assert words in texts.place(Bone.VERTEBRA, Side.MIDLINE, None)
    assert words not in texts.place(Bone.RIB, Side.LEFT, 7)
    assert words not in texts.place(Bone.STERNUM, Side.MIDLINE, None)


def test_every_reason_of_the_assembler_and_the_gate_has_a_sentence() -> None:
    pipeline = Path(appliance.pipeline.__file__).parent
    sources = [pipeline / "gate.py", *(pipeline / "assemble").glob("*.py")]
    codes = {
        code
        for source in sources
        for code in re.findall(r'Reason\("([a-z-]+)"', source.read_text(encoding="utf-8"))
    }
    assert len(codes) > 20
    texts = load("en").texts
    for code in sorted(codes):
        assert f"terms.reason.{code}" in texts or f"terms.note.{code}" in texts, code
