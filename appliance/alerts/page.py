"""The printed A4 page of an alert: the one place outside the PACS that names the patient.

It says at a glance what is urgent, which patient, where to look and how to acknowledge. Everything
fits on one page: the picture takes what space the words leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance.alerts.catalogue import Catalogue, load
from appliance.alerts.sheet import Sheet
from appliance.alerts.times import local_time
from appliance.domain import (
    AlertFinding,
    AlertSummary,
    Finding,
    MessageKind,
    ModelIdentity,
    PatientFacts,
    ScoreRange,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_ROWS: Final = 12
_MOST_LIMIT_LINES: Final = 8
_COLUMNS: Final = (
    ("number", 0.0),
    ("bone", 0.05),
    ("side", 0.30),
    ("rib", 0.48),
    ("type", 0.58),
    ("score", 0.80),
    ("urgent", 0.90),
)


@dataclass(frozen=True, slots=True)
class PageContent:
    """All that one page says. It holds PHI: it lives sealed, and goes to a printer only.

    findings: every finding of the reading, urgent first; empty for a study that was not analysed.
    looked_at: for each pack (bones, range, slice thickness) in words of the page's language.
    limits: sentences; of more than fit eight lines the page says where the rest stands.
    picture: RGB, shape (rows, columns, 3), of the gravest finding.
    """

    summary: AlertSummary
    patient: PatientFacts
    findings: tuple[Finding, ...]
    looked_at: tuple[tuple[str, str, str], ...]
    limits: tuple[str, ...]
    models: tuple[ModelIdentity, ...]
    software_version: str
    picture: NDArray[np.uint8] | None = None
    language: str = "en"


def render_page(content: PageContent) -> bytes:
    """The page as PDF with every font embedded; the same content gives the same bytes.

    Raises ConfigError `font-missing` and `language-unknown`.
    """
    texts = load(content.language)
    sheet = Sheet()
    _headline(sheet, content, texts)
    _patient(sheet, content.patient, texts)
    _foot(sheet, content, texts)
    if content.summary.kind is MessageKind.NOT_ANALYSED:
        _not_analysed(sheet, content, texts)
    elif content.summary.kind is MessageKind.TEST:
        _test(sheet, content, texts)
    else:
        _findings(sheet, content, texts)
        _scope(sheet, content, texts)
        if content.picture is not None:
            sheet.picture(content.picture)
    return sheet.finish()


def _headline(sheet: Sheet, content: PageContent, texts: Catalogue) -> None:
    summary = content.summary
    match summary.kind:
        case MessageKind.NOT_ANALYSED:
            key = "not-analysed"
        case MessageKind.TEST:
            key = "test"
        case MessageKind.AMENDED_ALERT if not summary.findings:
            key = "all-withdrawn"
        case MessageKind.AMENDED_ALERT:
            key = "amended"
        case _:
            key = "alert"
    sheet.band(texts.text(f"page.headline.{key}"), 24)
    baseline = sheet.top - 34
    sheet.line((sheet.left, sheet.top - 10), texts.text("terms.case"), 9, grey=0.35)
    sheet.line((sheet.left, baseline - 4), summary.case, 34, bold=True)
    times = texts.text(
        "page.times",
        arrived=local_time(summary.arrived_at),
        decided=local_time(summary.decided_at),
    )
    beside = sheet.left + 230
    width = sheet.right - beside
    revision = texts.text("page.revision", revision=summary.revision)
    where = " · ".join(part for part in (summary.site, summary.modality, revision) if part)
    sheet.line((beside, sheet.top - 12), where, 11, width=width)
    sheet.line((beside, sheet.top - 27), times, 9, width=width)
    if summary.kind is not MessageKind.TEST:
        in_pacs = texts.text("page.in-pacs", case=summary.case)
        sheet.line((beside, sheet.top - 41), in_pacs, 9, width=width)
    sheet.top = baseline - 14


def _patient(sheet: Sheet, patient: PatientFacts, texts: Catalogue) -> None:
    unknown = texts.text("page.patient.unknown")
    sheet.rule(sheet.top, heavy=True)
    name = patient.name or unknown
    lines = [name]
    size = 17.0
    if sheet.measure(name, size) > sheet.width:
        size = 11.5
        lines = list(sheet.broken(name, size, sheet.width))
    for line in lines:
        sheet.top -= size * 1.35
        sheet.line((sheet.left, sheet.top), line, size, width=sheet.width, bold=True)
    sex = patient.sex.lower()
    facts = (
        ("id", patient.patient_id),
        ("birth-date", _date(patient.birth_date)),
        ("sex", texts.text(f"page.sex.{sex}") if sex in {"m", "f", "o"} else patient.sex),
        ("study-time", f"{_date(patient.study_date)} {_time(patient.study_time)}".strip()),
        ("accession", patient.accession_number),
    )
    places = (0.0, 0.28, 0.45, 0.56, 0.79, 1.0)
    sheet.top -= 15
    for (key, value), start, end in zip(facts, places, places[1:], strict=False):
        left, width = sheet.left + start * sheet.width, (end - start) * sheet.width - 8
        sheet.line((left, sheet.top), texts.text(f"page.patient.{key}"), 8, grey=0.35)
        sheet.line((left, sheet.top - 13), value or unknown, 11, width=width)
    sheet.top -= 21
    sheet.rule(sheet.top, heavy=True)
    sheet.top -= 5


def _findings(sheet: Sheet, content: PageContent, texts: Catalogue) -> None:
    rows = [_row(number, item, texts) for number, item in enumerate(content.findings, start=1)]
    height = 15.0 if len(rows) <= _MOST_ROWS // 2 else 12.5
    heads = tuple(texts.text(f"page.column.{key}") for key, _ in _COLUMNS)
    if rows:
        sheet.top -= 11
        _cells(sheet, heads, 8, grey=0.35)
    for row, finding in zip(rows[:_MOST_ROWS], content.findings, strict=False):
        sheet.top -= height
        _cells(sheet, row, height * 0.75, bold=finding.urgent)
    if len(rows) > _MOST_ROWS:
        sheet.top -= 3
        sheet.paragraph(texts.text("page.more", count=len(rows) - _MOST_ROWS), 9)
    _score_ranges(sheet, content.findings[:_MOST_ROWS], texts)
    if content.summary.withdrawn:
        words = texts.text("terms.list-separator").join(
            _words(item, texts) for item in content.summary.withdrawn
        )
        sheet.paragraph(texts.text("page.withdrawn", findings=words), 10, bold=True)
    sheet.top -= 7


def _score_ranges(sheet: Sheet, findings: tuple[Finding, ...], texts: Catalogue) -> None:
    """Which of the listed scores the packs' evaluation can say nothing about."""
    for standing in (ScoreRange.OUTSIDE, ScoreRange.NOT_MEASURED):
        numbers = [
            str(number)
            for number, item in enumerate(findings, start=1)
            if item.score_range is standing
        ]
        if numbers:
            sheet.top -= 3
            named = texts.text("terms.list-separator").join(numbers)
            sheet.paragraph(texts.text(f"page.score-range.{standing}", numbers=named), 9)


def _row(number: int, item: Finding, texts: Catalogue) -> tuple[str, ...]:
    found = item.detection
    return (
        str(number),
        texts.bone(found.bone),
        texts.side(found.side),
        "-" if found.rib_number is None else str(found.rib_number),
        texts.fracture_type(found.type),
        f"{found.score:.2f}",
        texts.text("page.yes" if item.urgent else "page.no"),
    )


def _cells(
    sheet: Sheet, row: tuple[str, ...], size: float, *, bold: bool = False, grey: float = 0.0
) -> None:
    ends = (*(start for _, start in _COLUMNS[1:]), 1.0)
    for words, (_, start), end in zip(row, _COLUMNS, ends, strict=True):
        width = (end - start) * sheet.width - 6
        at = (sheet.left + start * sheet.width, sheet.top)
        sheet.line(at, words, size, width=width, bold=bold, grey=grey)


def _scope(sheet: Sheet, content: PageContent, texts: Catalogue) -> None:
    sheet.paragraph(texts.text("page.looked-at"), 8, bold=True)
    for bones, span, thickness in content.looked_at:
        line = texts.text("page.looked-at-line", bones=bones, range=span, thickness=thickness)
        sheet.paragraph(line, 8, most_lines=2)
    rest = texts.text("page.limits-rest")
    sheet.paragraph(" · ".join(content.limits), 8, most_lines=_MOST_LIMIT_LINES, rest=rest)
    sheet.top -= 6


def _test(sheet: Sheet, content: PageContent, texts: Catalogue) -> None:
    """No finding is listed, whatever the pipeline made of it: nothing may look like an alert."""
    summary = content.summary
    sheet.top -= 16
    sheet.paragraph(texts.text("page.test.consequence"), 17, bold=True)
    sheet.top -= 8
    if summary.outcome is not None:
        ended = texts.text(f"terms.outcome.{summary.outcome}")
        sheet.paragraph(texts.text("page.test.outcome", outcome=ended), 12)
    if summary.reason is not None:
        sheet.paragraph(texts.reason(summary.reason.code), 12)
        sheet.paragraph(f"{summary.reason.code} {summary.reason.detail}".rstrip(), 9)
    sheet.top -= 6


def _not_analysed(sheet: Sheet, content: PageContent, texts: Catalogue) -> None:
    sheet.top -= 16
    sheet.paragraph(texts.text("page.not-analysed.consequence"), 17, bold=True)
    reason = content.summary.reason
    if reason is not None:
        sheet.top -= 14
        sheet.paragraph(texts.text("page.not-analysed.reason"), 9)
        sheet.paragraph(texts.reason(reason.code), 14)
        sheet.paragraph(f"{reason.code} {reason.detail}".rstrip(), 9)


def _foot(sheet: Sheet, content: PageContent, texts: Catalogue) -> None:
    """Fill from the bottom up, so that the picture can have what is left between."""
    versions = [texts.text("page.software", version=content.software_version)]
    versions += [
        texts.text("page.model", name=model.name, version=model.version) for model in content.models
    ]
    lines = [" · ".join(versions)]
    lines += reversed(list(sheet.broken(texts.text("terms.unproven"), 8, sheet.width)))
    for line in lines:
        sheet.line((sheet.left, sheet.bottom), line, 8, width=sheet.width)
        sheet.bottom += 10.5
    sheet.line((sheet.left, sheet.bottom + 2), texts.text("terms.disclaimer"), 13, bold=True)
    sheet.bottom += 22
    if content.summary.kind is MessageKind.TEST:
        return
    sheet.frame(sheet.bottom, 40)
    inner = sheet.width - 20
    words = texts.text("page.acknowledge")
    sheet.line((sheet.left + 10, sheet.bottom + 25), words, 10, width=inner)
    command = f"osteon ack {content.summary.case} --by NAME"
    sheet.line((sheet.left + 10, sheet.bottom + 8), command, 14, width=inner, bold=True)
    sheet.bottom += 46


def _words(finding: AlertFinding, texts: Catalogue) -> str:
    return texts.place(finding.bone, finding.side, finding.rib_number)


def _date(value: str) -> str:
    return f"{value[:4]}-{value[4:6]}-{value[6:8]}" if value else ""


def _time(value: str) -> str:
    return ":".join(part for part in (value[:2], value[2:4], value[4:6]) if part)
