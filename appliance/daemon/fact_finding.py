"""The facts about the box on which health is judged: ledgers, disk, clock, receiver, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from appliance import journal
from appliance.audit.wire import ask
from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.audit_watch import AuditWatch
from appliance.daemon.certificate_ends import certificate_files, ends_at
from appliance.daemon.clock_watch import ClockWatch, is_synchronised
from appliance.daemon.printer_watch import Ask, PrinterWatch
from appliance.daemon.receiver_echo import answers
from appliance.daemon.site_word import SiteWord
from appliance.daemon.starts import last_starts
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError
from appliance.health.judge import (
    Certificate,
    Facts,
    Limits,
    PackDown,
    SystemTrouble,
    Underway,
    UpdatesDown,
)
from appliance.ledger.figures import Figures
from appliance.ledger.models import ModelState, ModelStates
from appliance.ledger.work import WorkLedger
from appliance.sealing import MasterKey
from appliance.storage import free_bytes
from appliance.update.due import trouble
from appliance.update.history import History
from appliance.update.layout import UpdateFolder
from appliance.update.os.record_file import read_record
from appliance.update.os.staging import OsFolder
from appliance.update.os.telling import troubles

_SELDOM_S: Final = 300.0
"""How often what costs something is asked: the receiver by C-ECHO, the clock, old images."""
_DOOR_SECONDS: Final = 10.0
_LOOK_BACK_S: Final = 7 * 86_400.0
_ENTRIES: Final = 500


def limits(site: Site) -> Limits:
    """What the site YAML says about health, in the judge's own terms."""
    quiet = site.health.quiet_hours
    return Limits(
        reserved_bytes=site.dicom.limits.keep_free_mib << 20,
        collecting_s=site.completeness.longest_wait_seconds,
        stuck_s=60.0 * site.health.stuck_minutes,
        quiet_s=None if quiet is None else 3600.0 * quiet,
        wants_synchronised_clock=site.health.clock_needs_server,
    )


class FactFinder:
    """Looks at the box. One thread; the ledgers are read over connections of its own."""

    def __init__(
        self,
        state: StateFolder,
        master: MasterKey,
        ask_printer: Ask,
        clock: Clock,
        audit: AuditWatch,
    ) -> None:
        self._state = state
        self._master = master
        self._clock = clock
        self._audit = audit
        self._work = WorkLedger(state.work, read_only=True)
        self._models = ModelStates(state.work, read_only=True)
        self.figures = Figures(state.intake, state.work, state.delivery)
        self._word = SiteWord(state.root)
        self._folders = (state.access, state.receive, state.analyse, state.deliver)
        self._watch = ClockWatch(clock)
        self._printers = PrinterWatch(ask_printer, clock)
        self._asked_at = float("-inf")
        self._silent_since: float | None = None
        self._audit_silent_since: float | None = None
        self._synchronised: bool | None = None
        self._certificates: tuple[Certificate, ...] = ()
        self._untouched: tuple[Underway, ...] = ()
        self._updates: UpdatesDown | None = None
        self._system: tuple[SystemTrouble, ...] = ()

    def close(self) -> None:
        """Close the ledgers."""
        self._work.close()
        self._models.close()
        self.figures.close()

    def models(self) -> tuple[ModelState, ...]:
        """Every pack that the analyser uses, as it wrote it down."""
        return self._models.all()

    def look(self, site: Site) -> Facts:
        """The box at this instant. Raises OSError, StorageError or sqlite3.Error."""
        now = self._clock.now()
        if self._clock.monotonic() - self._asked_at >= _SELDOM_S or self._silent_since is not None:
            self._ask_seldom(site)
        since = self._silent_since
        return Facts(
            now=now,
            free_bytes=free_bytes(self._state.root),
            under_way=(*self._unfinished(), *self._untouched),
            packs=(*_down(self.models()), *self._word.barred(site, self.models())),
            printers=self._printers.look(site.printers),
            certificates=self._certificates,
            unsynchronised_s=self._watch.unsynchronised_s(synchronised=self._synchronised),
            jumped_s=self._watch.jumped_s(),
            silent_s=None if since is None else self._clock.monotonic() - since,
            starts=tuple((each.name, last_starts(each)) for each in self._folders),
            last_image_at=self.figures.last_instance()[1],
            broken_glass=tuple(sorted({case for case, _ in self._audit.broken_glass(now)})),
            menu_guesses=self._audit.menu_guesses(now),
            is_audit_broken=self._audit.is_broken,
            is_audit_unsent=self._audit.is_unsent,
            audit_silent_s=self._audit_silent_s(),
            updates=self._updates,
            system=self._system,
        )

    def _audit_silent_s(self) -> float | None:
        """For how long nobody has kept the audit trail; None: somebody does."""
        try:
            ask(self._state.access, {"ask": "alive"}, _DOOR_SECONDS)
        except StorageError:
            if self._audit_silent_since is None:
                self._audit_silent_since = self._clock.monotonic()
            return self._clock.monotonic() - self._audit_silent_since
        self._audit_silent_since = None
        return None

    def _ask_seldom(self, site: Site) -> None:
        self._asked_at = self._clock.monotonic()
        if answers(site):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = self._clock.monotonic()
            journal.warn("receiver-unanswering", port=site.dicom.port)
        self._synchronised = is_synchronised()
        self._certificates = tuple(_certificates(site))
        self._updates = self._what_stops_updates(site)
        self._system = tuple(self._system_troubles())
        waiting = self.figures.not_taken_up(self._clock.now() - _LOOK_BACK_S)
        self._untouched = tuple(
            Underway(self._master.case_code(study), None, at) for study, at in waiting.items()
        )

    def _what_stops_updates(self, site: Site) -> UpdatesDown | None:
        if site.update.url is None and site.update.usb is None:
            return None
        history = History(UpdateFolder(self._state.update).history)
        found = trouble(history.newest(_ENTRIES), self._clock.now())
        return None if found is None else UpdatesDown(*found)

    def _system_troubles(self) -> Iterator[SystemTrouble]:
        folder = OsFolder(self._state.os)
        try:
            record = read_record(folder.record)
        except StorageError as error:
            yield SystemTrouble(error.code, error.detail or "system")
            return
        entries = History(folder.history).newest(_ENTRIES)
        for code, detail in troubles(record, entries, self._clock.now()):
            yield SystemTrouble(code, detail)

    def _unfinished(self) -> Iterator[Underway]:
        for revision in self._work.unfinished():
            if not revision.is_phantom:
                yield Underway(revision.case, revision.state, revision.changed_at)


def _down(models: Sequence[ModelState]) -> Iterator[PackDown]:
    return (PackDown(each.name, each.code, each.detail) for each in models if each.code)


def _certificates(site: Site) -> Iterator[Certificate]:
    for key, file in certificate_files(site):
        try:
            yield Certificate(key, ends_at(key, file))
        except StorageError as error:
            # Whoever uses the file says so; here it only has no date.
            journal.warn("certificate-without-date", code=error.code)
