"""Looks at the box again and again beside the deliverer, and has it tell the technician."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import time
from typing import Final, Protocol

import appliance
from appliance import journal
from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.fact_finding import FactFinder, limits
from appliance.domain import (
    AlertSummary,
    CaseCode,
    DailyReport,
    MessageKind,
    ModelLine,
    Outcome,
    TroubleLine,
)
from appliance.errors import StorageError
from appliance.health.daily import is_due
from appliance.health.judge import judge
from appliance.health.troubles import Standing
from appliance.ledger.models import ModelState
from appliance.loops import Loop

_LOOK_SECONDS: Final = 30.0
_LOOK_MAY_TAKE_S: Final = 120.0
_END_SECONDS: Final = 2.0
_FIRST_REPORT_S: Final = 86_400.0
"""What the first report of a box looks back on."""


class Teller(Protocol):
    """The deliverer, as the watch sees it. Every method may be called from any thread."""

    def stand(self, standing: tuple[Standing, ...]) -> None:
        """All that is wrong at present."""
        ...

    def tell(self, summary: AlertSummary) -> None:
        """Carry a message of the box's own to the technician."""
        ...

    def troubles(self) -> tuple[TroubleLine, ...]:
        """What the technician was told of and is not over."""
        ...


class HealthWatch:
    """One look every so often; a ledger that cannot be read now is read at the next one.

    last_report: wall second of the last daily report, None for a box that never sent one.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each part once
        self,
        *,
        finder: FactFinder,
        teller: Teller,
        site: Site,
        last_report: float | None,
        loop: Loop,
        clock: Clock,
        look_s: float = _LOOK_SECONDS,
    ) -> None:
        self._finder = finder
        self._teller = teller
        self._site = site
        self._loop = loop
        self._clock = clock
        self._look_s = look_s
        self._last_report = clock.now() if last_report is None else last_report
        self._reports_since = clock.now() - _FIRST_REPORT_S if last_report is None else last_report

    def adopt(self, site: Site) -> None:
        """Go on by another site YAML. From any thread."""
        self._site = site

    def run(self, stop: threading.Event) -> None:
        """Look until asked to stop."""
        while not stop.is_set():
            self._loop.turned(self._look_s + _LOOK_MAY_TAKE_S)
            try:
                self.look()
            except (StorageError, sqlite3.Error, OSError) as error:
                code = error.code if isinstance(error, StorageError) else "storage-failed"
                journal.warn("health-unread", code=code, reason=type(error).__name__)
            self._clock.wait(stop, self._look_s)
        self._loop.rests()

    @contextmanager
    def beside(self, stop: threading.Event) -> Iterator[None]:
        """Look on a thread of its own until `stop` is set, which it is at the end of the block."""
        thread = threading.Thread(target=self.run, args=(stop,), name="health", daemon=True)
        thread.start()
        try:
            yield
        finally:
            # A daemon thread: a dead receiver, being asked, holds up no ending.
            thread.join(_END_SECONDS)

    def look(self) -> None:
        """Judge the box once, and send the daily report if it is due."""
        site = self._site
        facts = self._finder.look(site)
        # Of a printer that alerts do not reach, the deliverer has said so already.
        failing = {line.about for line in self._teller.troubles()}
        printers = (each for each in facts.printers if f"printer:{each.name}" not in failing)
        facts = replace(facts, printers=tuple(printers))
        self._teller.stand(judge(facts, limits(site)))
        at = time.fromisoformat(site.health.daily_mail_at)
        if is_due(facts.now, self._last_report, at):
            self._teller.tell(self._report(site, facts.now, facts.free_bytes))
            self._last_report = self._reports_since = facts.now

    def _report(self, site: Site, now: float, free_bytes: int) -> AlertSummary:
        figures = self._finder.figures
        ended = figures.ended_since(self._reports_since)
        outcomes: Counter[Outcome] = Counter()
        for each in ended:
            outcomes[each.outcome] += each.count
        report = DailyReport(
            since=self._reports_since,
            outcomes=tuple((each, outcomes[each]) for each in Outcome if outcomes[each]),
            reasons=tuple((each.outcome, each.reason, each.count) for each in ended if each.reason),
            under_way=sum(figures.in_each_state().values()),
            unacknowledged=figures.unacknowledged(),
            waiting_deliveries=figures.waiting(),
            troubles=self._teller.troubles(),
            models=tuple(_line(each) for each in self._finder.models()),
            free_bytes=free_bytes,
            software=appliance.__version__,
        )
        return AlertSummary(
            case=CaseCode(""),
            kind=MessageKind.DAILY_REPORT,
            site=site.site.name,
            arrived_at=now,
            decided_at=now,
            report=report,
        )


def _line(model: ModelState) -> ModelLine:
    return ModelLine(model.name, model.version, model.code)
