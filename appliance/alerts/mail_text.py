"""What an alert says in a mail: pure text from an `AlertSummary`, in one language, without PHI.

Only enumerated values, figures, the site's own name and the case code reach the text. The modality
and the case code are held against what they may be, because the one was read from an object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance.alerts.daily_text import daily_lines, daily_subject
from appliance.alerts.times import local_time
from appliance.domain import TO_TECHNICIAN, MessageKind
from appliance.error_catalogue import CATALOGUE
from appliance.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.alerts.catalogue import Catalogue
    from appliance.domain import AlertFinding, AlertSummary

_CASE: Final = re.compile(r"[0-9A-Z]{3}-[0-9A-Z]{3,4}")
_MODALITIES: Final = frozenset({"CT", "CR", "DX"})
_MOST_LINES: Final = 20
_MOST_SITE: Final = 80


@dataclass(frozen=True, slots=True)
class MailText:
    """A subject of one line, and a body."""

    subject: str
    body: str


def render(summary: AlertSummary, stage: int, texts: Catalogue) -> MailText:
    """The mail for one alert; `stage` > 0 says that nobody has acknowledged it yet.

    Raises DeliveryError("summary-unfit") for a case code that is none.
    """
    if summary.case and not _CASE.fullmatch(summary.case):
        raise DeliveryError("summary-unfit", "case", permanent=True)
    if summary.report is not None:
        subject = daily_subject(summary.report, _one_line(summary.site), texts)
        return MailText(subject, "\n".join(_lines(summary, texts)) + "\n")
    subject = texts.text(
        f"mail.subject.{summary.kind}",
        what=_what(summary, texts),
        case=summary.case,
        site=_one_line(summary.site),
        code=_code(summary),
    )
    if stage and summary.kind not in TO_TECHNICIAN:
        subject = texts.text("mail.subject.reminder", count=stage + 1, subject=subject)
    return MailText(subject, "\n".join(_lines(summary, texts)) + "\n")


def _lines(summary: AlertSummary, texts: Catalogue) -> Iterator[str]:
    yield texts.text(f"mail.lead.{summary.kind}")
    yield ""
    yield from _findings(summary, texts)
    if summary.outcome is not None:
        ended = texts.text(f"terms.outcome.{summary.outcome}")
        yield texts.text("mail.outcome", outcome=ended)
    if summary.reason is not None:
        yield from _reason(summary, texts)
    if summary.report is not None:
        yield from daily_lines(summary.report, texts)
    site = _one_line(summary.site)
    if summary.case:
        yield texts.text("mail.case", case=summary.case, revision=summary.revision)
    yield texts.text("mail.where", site=site)
    if summary.modality in _MODALITIES:
        yield texts.text("mail.modality", modality=summary.modality)
    if summary.kind in TO_TECHNICIAN:
        if summary.arrived_at < summary.decided_at:
            yield texts.text("mail.since", time=local_time(summary.arrived_at))
    else:
        yield texts.text("mail.arrived", time=local_time(summary.arrived_at))
    yield texts.text("mail.decided", time=local_time(summary.decided_at))
    if summary.kind not in TO_TECHNICIAN | {MessageKind.TEST}:
        yield ""
        yield texts.text("mail.find")
        yield texts.text("mail.acknowledge", case=summary.case)
        yield ""
        yield texts.text("terms.disclaimer")
        yield texts.text("terms.unproven")


def _findings(summary: AlertSummary, texts: Catalogue) -> Iterator[str]:
    for finding in summary.findings[:_MOST_LINES]:
        score = texts.score(finding.score, finding.score_range)
        yield texts.text("mail.finding", finding=_words(finding, texts), score=score)
    if summary.findings:
        yield ""
    if summary.withdrawn:
        yield texts.text("mail.withdrawn")
        for finding in summary.withdrawn[:_MOST_LINES]:
            yield f"- {_words(finding, texts)}"
        yield texts.text("mail.withdrawn-caution")
        yield ""


def _reason(summary: AlertSummary, texts: Catalogue) -> Iterator[str]:
    if summary.reason is None:
        return
    code = summary.reason.code
    if summary.kind in TO_TECHNICIAN:
        known = CATALOGUE.get(code)
        if known is not None:
            if summary.kind is MessageKind.RECOVERED:
                yield texts.text("mail.was", reason=known.meaning)
            else:
                yield texts.text("mail.reason", reason=known.meaning)
                yield texts.text("mail.hint", hint=known.hint)
    else:
        yield texts.text("mail.reason", reason=texts.reason(code))
    yield texts.text("mail.code", code=code, detail=summary.reason.detail).rstrip()
    yield ""


def _what(summary: AlertSummary, texts: Catalogue) -> str:
    if not summary.findings:
        return texts.text("mail.subject.all-withdrawn")
    first = _words(summary.findings[0], texts)
    others = len(summary.findings) - 1
    return texts.text("mail.subject.more", finding=first, count=others) if others else first


def _words(finding: AlertFinding, texts: Catalogue) -> str:
    return texts.finding(finding.bone, finding.side, finding.rib_number, finding.type)


def _code(summary: AlertSummary) -> str:
    return summary.reason.code if summary.reason else "-"


def _one_line(text: str) -> str:
    """No line break may reach a header; `split` takes every kind that Unicode knows."""
    return " ".join(text.split())[:_MOST_SITE]
