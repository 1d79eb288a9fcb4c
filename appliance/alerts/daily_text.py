"""The daily report as a mail: counts and codes, no PHI, and what it means when none comes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from appliance.alerts.times import local_time
from appliance.domain import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.alerts.catalogue import Catalogue
    from appliance.domain import DailyReport

_GIB: Final = 1 << 30
_MOST_CASES: Final = 20
_PLAIN: Final = re.compile(r"[^A-Za-z0-9 .,:_+-]")


def daily_subject(report: DailyReport, site: str, texts: Catalogue) -> str:
    """Says in the list of mails already whether somebody has to read on."""
    waiting = len(report.troubles) + len(report.unacknowledged)
    key = "mail.subject.daily-waiting" if waiting else "mail.subject.daily-well"
    return texts.text(key, count=waiting, site=site)


def daily_lines(report: DailyReport, texts: Catalogue) -> Iterator[str]:
    """The body, between the lead and the site's name."""
    text = texts.text
    yield text("daily.since", time=local_time(report.since))
    counts = dict(report.outcomes)
    for outcome in Outcome:
        yield text(
            "daily.count", what=text(f"terms.outcome.{outcome}"), count=counts.get(outcome, 0)
        )
        for of, code, count in report.reasons:
            if of is outcome:
                yield text("daily.reason", reason=texts.reason(code), code=code, count=count)
    yield text("daily.under-way", count=report.under_way)
    yield text("daily.unacknowledged", count=len(report.unacknowledged))
    yield from (f"  - {case}" for case in report.unacknowledged[:_MOST_CASES])
    yield text("daily.waiting-deliveries", count=report.waiting_deliveries)
    yield ""
    yield text("daily.troubles", count=len(report.troubles))
    for line in report.troubles:
        about = _PLAIN.sub("?", line.about)
        yield text("daily.trouble", code=line.code, about=about, time=local_time(line.since))
    yield ""
    yield text("daily.disk", free=f"{report.free_bytes / _GIB:.1f}")
    for model in report.models:
        state = model.code or text("daily.model-runs")
        yield text("daily.model", name=model.name, version=model.version or "-", state=state)
    yield text("daily.software", version=report.software)
    yield ""
    yield text("daily.silence")
    yield ""
