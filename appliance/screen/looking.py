"""Reads how the box stands, as a user who may read the ledgers and has no key to what they seal."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import appliance
from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.site_file import in_use
from appliance.daemon.state import StateFolder
from appliance.domain import CaseCode, ModelLine
from appliance.errors import Notice, OsteonError, StorageError
from appliance.health.troubles import Troubles
from appliance.ledger.delivery import DeliveryLedger
from appliance.ledger.figures import Figures
from appliance.ledger.models import ModelStates
from appliance.ledger.work import WorkLedger
from appliance.provision.handover import listening_addresses
from appliance.provision.identity import read_device_id
from appliance.provision.refusal import read_refusal
from appliance.screen.mounts import TABLE
from appliance.screen.setting import setting_of
from appliance.screen.status import LastStudy, Listener, Setting, StandingFault, Status, WipeEnd
from appliance.wipe.certificate import Status as WipeStatus
from appliance.wipe.ended import read_ended

CGROUPS: Final = (
    Path("/sys/fs/cgroup/system.slice"),
    Path("/sys/fs/cgroup/unified/system.slice"),
)
"""The second one where the kernel was told to keep the older hierarchies too."""
_SOCKETS: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTENING: Final = re.compile(r"^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F:]+ 0A ", re.MULTILINE)
_PARTS: Final = ("access", "receive", "analyse", "deliver")
_NEWEST: Final = 20
"""Among so many revisions there is one of a patient, however often somebody runs the check."""

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look.

    identity: a copy of the record of the device's identity. wiped: a copy of what a wipe leaves to
    say of itself. refused: see `appliance.provision.refusal`. cgroups: the folders in one of which
    systemd has one for each running unit. table: of file systems, fstab(5).
    """

    config: Path
    identity: Path
    wiped: Path
    refused: Path
    cgroups: tuple[Path, ...] = CGROUPS
    table: Path = TABLE


class Looker:
    """Looks at the box. What cannot be read is a fault on the screen, and the rest stands."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self._places = places
        self._clock = clock
        self._faults: list[StandingFault] = []

    def look(self) -> Status:
        """The box at this instant. Never raises for what lies on the disk."""
        self._faults = []
        now = self._clock.now()
        wiped = self._wiped(now)
        if wiped is not None:
            return wiped
        device_id = self._read(lambda: read_device_id(self._places.identity), "identity", "")
        setting, site, refusal = setting_of(self._places.config, "receive", self._places.table)
        if refusal is not None and setting is not Setting.NONE:
            self._faults.append(StandingFault(Notice("config-refused").code, "site.yaml"))
        self._refused()
        if site is None:
            return self._status(now, setting, device_id)
        return self._at_work(now, setting, device_id, site)

    def _refused(self) -> None:
        """A stick whose site YAML was not taken, and no other one since."""
        refusal = self._read(lambda: read_refusal(self._places.refused), "stick", None)
        if refusal is not None:
            fault = StandingFault(refusal.code, "stick not taken", refusal.at, refusal.detail)
            self._faults.append(fault)

    def at_this_time(self, status: Status) -> Status:
        """The same, with the time of now: it shows that the screen is alive."""
        return replace(status, now=self._clock.now())

    def _wiped(self, now: float) -> Status | None:
        """A box that was wiped; what of it cannot be read makes it no other one."""
        unknown = WipeEnd(None, "", "", "", (), has_failed=False)
        told = Status(now, appliance.__version__, Setting.WIPED, wiped=unknown)
        try:
            end = read_ended(self._places.wiped)
        except StorageError as error:
            return replace(told, faults=(StandingFault(error.code, "record of the wipe"),))
        if end is None:
            return None
        plan = end.intent.plan
        has_failed = end.status == WipeStatus.FAILED
        return replace(
            told,
            site=plan.site,
            time_zone=plan.time_zone,
            device_id=plan.device_id,
            wiped=WipeEnd(end.at, end.status, end.certificate, end.digest, end.copies, has_failed),
        )

    def _status(self, now: float, setting: Setting, device_id: str) -> Status:
        software = appliance.__version__
        return Status(now, software, setting, device_id=device_id, faults=tuple(self._faults))

    def _at_work(self, now: float, setting: Setting, device_id: str, site: Site) -> Status:
        state = StateFolder(Path(site.state_folder))
        stopped = tuple(part for part in _PARTS if not self._runs(part))
        for part in stopped:
            self._faults.append(StandingFault(Notice("unit-failed").code, f"osteon-{part}"))
        nothing: tuple[int, tuple[CaseCode, ...]] = (0, ())
        under_way, waiting = self._read(lambda: _waiting(state), "ledgers", nothing)
        no_faults: tuple[StandingFault, ...] = ()
        told = self._read(lambda: _told(state, now), "delivery.db", no_faults)
        return Status(
            now=now,
            software=appliance.__version__,
            setting=setting,
            site=site.site.name,
            time_zone=site.site.time_zone,
            device_id=device_id,
            listener=self._listener(site, state),
            stopped=stopped,
            models=self._read(lambda: _models(state), "work.db", ()),
            last=self._read(lambda: _last(state), "work.db", None),
            waiting=waiting,
            under_way=under_way,
            faults=(*self._faults, *told),
        )

    def _listener(self, site: Site, state: StateFolder) -> Listener:
        """As the receiver has it in use: what the file says may wait for a restart."""
        used = in_use(state.root, "receive")
        opened = site if used is None else used.started
        applied = site if used is None else used.applied
        ports = open_ports()
        tls = opened.dicom.tls
        return Listener(
            ae_title=applied.dicom.ae_title,
            addresses=listening_addresses(opened.dicom.address),
            port=opened.dicom.port,
            tls_port=tls.port if tls is not None else None,
            is_open=None if ports is None else opened.dicom.port in ports,
        )

    def _runs(self, part: str) -> bool:
        """Whether the unit has a process: the kernel says so, and no bus is needed."""
        for folder in self._places.cgroups:
            events = folder / f"osteon-{part}.service" / "cgroup.events"
            with suppress(OSError):
                return "populated 1" in events.read_text(encoding="ascii")
        return False

    def _read(self, read: Callable[[], Part], about: str, otherwise: Part) -> Part:
        try:
            return read()
        except (OsteonError, sqlite3.Error, OSError) as error:
            code = error.code if isinstance(error, OsteonError) else "storage-failed"
            if code != "ledger-missing":  # of a unit that has not run yet
                self._faults.append(StandingFault(code, about))
            return otherwise


def open_ports() -> frozenset[int] | None:
    """The TCP ports on which this machine listens; None where the kernel does not say."""
    try:
        told = [place.read_text(encoding="ascii") for place in _SOCKETS if place.exists()]
    except OSError:
        return None
    return frozenset(int(port, 16) for text in told for port in _LISTENING.findall(text))


def _last(state: StateFolder) -> LastStudy | None:
    with closing(WorkLedger(state.work, read_only=True)) as work:
        for each in work.revisions(_NEWEST):
            if not each.is_phantom:
                return LastStudy(each.case, each.outcome, each.state.value, each.opened_at)
    return None


def _models(state: StateFolder) -> tuple[ModelLine, ...]:
    with closing(ModelStates(state.work, read_only=True)) as models:
        return tuple(ModelLine(each.name, each.version, each.code) for each in models.all())


def _waiting(state: StateFolder) -> tuple[int, tuple[CaseCode, ...]]:
    """(studies under way, cases that nobody has acknowledged)."""
    missing = next(
        (place for place in (state.intake, state.work, state.delivery) if not place.exists()), None
    )
    if missing is not None:
        raise StorageError("ledger-missing", missing.name)
    with closing(Figures(state.intake, state.work, state.delivery)) as figures:
        return sum(figures.in_each_state().values()), figures.unacknowledged()


def _told(state: StateFolder, now: float) -> tuple[StandingFault, ...]:
    """What the technician was told of and is not over, as the deliverer's ledger has it."""
    with closing(DeliveryLedger(state.delivery, read_only=True)) as delivery:
        last = delivery.last_moment()
        troubles = Troubles(delivery.notices(), frozenset())
    if last is not None:
        troubles.take_due(last.steady, now)  # what only happens once is past after a day
    return tuple(_faults_of(troubles))


def _faults_of(troubles: Troubles) -> Iterator[StandingFault]:
    for each in troubles.lines():
        yield StandingFault(each.code, each.about, each.since)
