"""The receiver's housekeeping: makes the plan of what goes, and carries it out, beside receiving.

A study goes key first: the receiver destroys its keyset and rows in one change, and from then on
nothing of it can be opened. Its files follow from a list in the ledger. The analyser and then the
deliverer each let go of what belongs to no living study (`forgetting`). So no unit waits for
another one, and a kill at any instant leaves nothing but rubbish that the next run takes out.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from appliance import journal
from appliance.audit.events import AuditEvent, AuditKind
from appliance.audit.report import report_if_possible
from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.state import StateFolder, reserve_in
from appliance.errors import StorageError
from appliance.ledger.database import truncate_wal_of
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.settlement import Settlement
from appliance.ledger.work import WorkLedger
from appliance.loops import Loop
from appliance.pipeline.receive import Upkeep
from appliance.retention.facts import study_facts
from appliance.retention.lived_time import LivedTime
from appliance.retention.plan import Plan, Policy, free_at, plan
from appliance.storage import free_bytes, total_bytes

_ACTOR: Final = "osteon-receive"
_LOOK_S: Final = 5.0
_PLAN_S: Final = 600.0
"""How often studies are looked through while there is room."""
_SWEEP_S: Final = 6 * 3600.0
"""How often the spool is looked through: a file without a row is deleted when it is that old."""
_LOOK_MAY_TAKE_S: Final = 600.0


def policy(site: Site, total: int) -> Policy:
    """What the site YAML says about keeping. total: bytes of the disk of the state folder."""
    wanted, reserved = site.retention, site.dicom.limits.keep_free_mib << 20
    return Policy(
        days=wanted.days,
        alert_days=wanted.alert_days,
        # On a small disk the receiver would turn images away before a percentage is reached.
        high_free=max(free_at(total, wanted.disk_high_percent), reserved * 5 // 4),
        low_free=max(free_at(total, wanted.disk_low_percent), reserved * 3 // 2),
    )


def present_plan(state: StateFolder, site: Site, intake: IntakeLedger, now: float) -> Plan:
    """The plan as of now. now: seconds of lived time.

    Raises:
        StorageError: `ledger-missing` while another unit has not made its ledger.
    """
    lives = intake.lives.all()
    with closing(Settlement(state.work, state.delivery)) as settlement:
        delivered = settlement.delivered()
        facts = study_facts(lives, settlement.worked(), delivered)
        room = policy(site, total_bytes(state.root))
        return plan(facts, room, free_bytes(state.root), now)


class Keeper:
    """One look every so often, on a thread of its own; what fails is tried at the next one."""

    def __init__(
        self,
        state: StateFolder,
        site: Site,
        *,
        upkeep: Upkeep,
        loop: Loop,
        clock: Clock,
    ) -> None:
        self._state = state
        self._site = site
        self._upkeep = upkeep
        self._loop = loop
        self._clock = clock
        self._reserve = reserve_in(state.receive)
        self._stop = threading.Event()
        self._planned_at = self._swept_at = float("-inf")
        self._is_wal_old = True

    def adopt(self, site: Site) -> None:
        """Keep by another site YAML from the next plan on."""
        self._site = site

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Look again and again until the end of the block."""
        thread = threading.Thread(target=self._run, name="keeper")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        with closing(IntakeLedger(self._state.intake, read_only=True)) as intake:
            lived = LivedTime(self._clock, intake.lives.last_time())
            while not self._clock.wait(self._stop, _LOOK_S):
                self._loop.turned(_LOOK_MAY_TAKE_S)
                try:
                    self.look(intake, lived)
                except (StorageError, sqlite3.Error, OSError) as error:
                    code = error.code if isinstance(error, StorageError) else "storage-failed"
                    journal.warn("keeping-failed", code=code, reason=type(error).__name__)
        self._loop.rests()

    def look(self, intake: IntakeLedger, lived: LivedTime) -> None:
        """Do what there is to do. Raises StorageError, sqlite3.Error or OSError."""
        self._reserve.look()
        self._until_done(self._upkeep.wrap_anew)
        self._until_done(self._upkeep.bury)
        if self._state.work.exists() and self._state.delivery.exists():
            self._set_aside_broken()
            if self._is_plan_due():
                self._planned_at = self._clock.monotonic()
                self._upkeep.keep_time(lived.mark())
                wanted = present_plan(self._state, self._site, intake, lived.now())
                self._carry_out(wanted, lived.now())
        if self._is_wal_old:
            self._is_wal_old = not truncate_wal_of(self._state.intake)
        if self._clock.monotonic() - self._swept_at >= _SWEEP_S:
            self._swept_at = self._clock.monotonic()
            self._upkeep.sweep_strays()

    def _is_plan_due(self) -> bool:
        state = self._state.root
        short = free_bytes(state) < policy(self._site, total_bytes(state)).high_free
        return short or self._clock.monotonic() - self._planned_at >= _PLAN_S

    def _carry_out(self, wanted: Plan, now: float) -> None:
        self._upkeep.settle(((facts.study, facts.newest) for facts in wanted.finished), now)
        for going in wanted.going:
            if self._stop.is_set():
                return
            if self._upkeep.end(going.facts.study, going.facts.newest):
                self._is_wal_old = True
                journal.event("study-expired", case=going.facts.case, reason=going.why)
                gone = AuditEvent(
                    AuditKind.STUDY_DELETED, _ACTOR, going.facts.case or "", going.why
                )
                report_if_possible(self._state.access, gone)
        self._until_done(self._upkeep.bury)

    def _set_aside_broken(self) -> None:
        """What the analyser could not open makes room for the same image, sent again."""
        with closing(WorkLedger(self._state.work, read_only=True)) as work:
            for instance in work.broken():
                self._upkeep.quarantine(instance)

    def _until_done(self, step: Callable[[], bool]) -> None:
        while not self._stop.is_set() and step():
            self._loop.turned(_LOOK_MAY_TAKE_S)
