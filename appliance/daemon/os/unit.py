"""The installing unit: looks where the system of this box stands, and does what is to be done next.

Called again and again, by a timer and at each start: every step is finished or begun anew by the
next call, whatever ended the one before.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.audit.events import AuditEvent, AuditKind
from appliance.clock import Clock
from appliance.errors import OsteonError, StorageError, UpdateError, UsageError
from appliance.signing import DeviceSigner
from appliance.storage import make_folder, storage_error
from appliance.update.floor_record import FloorRecord
from appliance.update.history import Happening, History
from appliance.update.layout import METADATA
from appliance.update.os import record as records
from appliance.update.os import staging
from appliance.update.os.asked import AskedFolder
from appliance.update.os.boot_entries import BootLoader
from appliance.update.os.deciding import OsFacts, Step, is_recalled, next_step, settled
from appliance.update.os.machine import RunningImage, install
from appliance.update.os.record import OsFault, OsRecord, OsRef
from appliance.update.os.record_file import read_record, write_record
from appliance.update.os.staging import OsFolder, Verified, Verifier
from appliance.update.os.states import AT_REST, OsState
from appliance.update.os.telling import told
from appliance.update.source import FolderSource

_FOLDER: Final = 0o750
_STEPS: Final = 5
"""More than the longest chain: forget, call off, install, restart."""
_TIMESTAMP: Final = f"{METADATA}timestamp.json"
_PATIENCE_S: Final = 30.0
"""How long another call may hold the folder: longer only while it writes an image."""
_LOOK_S: Final = 0.2
_ACTOR: Final = "osteon-os"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the unit works with on this machine.

    mirror: the update unit's. root: the TUF root file that came with the box. is_quiet: whether no
    study is under way. may_restart: whether the site allows a restart at a wall second. working:
    what works at this instant. audit: has an event recorded.
    """

    image: RunningImage
    boot: str
    loader: BootLoader
    sysupdate: Sequence[str]
    restart: Callable[[], None]
    mirror: Path
    root: bytes
    is_quiet: Callable[[], bool]
    may_restart: Callable[[float], bool]
    working: Callable[[], frozenset[str]]
    audit: Callable[[AuditEvent], None]


class OsUnit:
    """Root's end. One process at a time works in the folder."""

    def __init__(self, folder: OsFolder, signer: DeviceSigner, parts: Parts, clock: Clock) -> None:
        self._folder = folder
        self._signer = signer
        self._parts = parts
        self._clock = clock
        self._floors = FloorRecord(folder.verifying.floors, signer)
        self._history = History(folder.history)

    def look(self) -> OsRecord:
        """Settle the record by what runs, and change nothing else.

        Raises:
            StorageError: `disk-full`, `storage-failed`.
            UpdateError: `update-busy`.
        """
        with self._alone():
            return self._settled()

    def go_on(self) -> OsRecord:
        """Do all that is to be done now, what a person asks for first; a restart is the last of it.

        Raises:
            UpdateError: `update-busy`; what keeps this unit from installing, which is recorded:
                as `Verifier.verify`, `stage`, `install`.
            StorageError: `disk-full`, `storage-failed`.
        """
        if self._attended():
            return self.look()
        with self._alone():
            record = self._settled()
            try:
                return self._steps(record)
            except UpdateError as error:
                self._note_failure(error.code, error.detail)
                raise

    def take_back(self, by: str, reason: str) -> OsRecord:
        """By order of a person: the image before runs from the next restart on.

        Raises:
            UsageError: `os-nothing-kept`, `os-on-trial`.
            UpdateError: `update-busy`, as `BootLoader.select`.
            StorageError: as `look`.
        """
        with self._alone():
            record = self._settled()
            who = f"{by}: {reason}" if reason else by
            if record.state is OsState.TRIAL:
                raise UsageError(
                    "os-on-trial", record.candidate.version if record.candidate else ""
                )
            if record.state is OsState.INSTALLED and record.candidate is not None:
                self._parts.loader.forget(record.candidate.version)
                after = records.called_off(record, OsFault.BY_HAND, who, self._now, deny=True)
            elif record.state is OsState.COMMITTED and record.previous is not None:
                self._parts.loader.select(record.previous.version)
                after = records.taken_back(record, OsFault.BY_HAND, who, self._now)
            else:
                raise UsageError("os-nothing-kept", record.state.value)
            return self._put(record, after)

    def _attended(self) -> bool:
        """Whether somebody at the screen had asked to go back; then they are answered."""
        asking = AskedFolder(self._folder.root)
        asked = asking.take(self._parts.boot)
        if asked is None:
            return False
        try:
            if not self._parts.is_quiet():
                raise UpdateError("os-study-under-way")
            record = self.take_back(asked.by, asked.reason)
        except OsteonError as error:
            asking.answer(asked, error.code, error.detail)
            return True
        is_going = record.state is OsState.RETREATING
        asking.answer(asked, "", "the machine restarts now" if is_going else "called off")
        if is_going:
            journal.event("os-restart", version=_next_version(record))
            self._parts.restart()
        return True

    def restart_by_hand(self) -> None:
        """Start what was installed, or go back, now: by order of a person.

        Raises:
            UsageError: `os-nothing-to-start`.
            UpdateError: `os-study-under-way`, `update-busy`.
            StorageError: as `look`.
        """
        record = self.look()
        if record.state not in {OsState.INSTALLED, OsState.RETREATING}:
            raise UsageError("os-nothing-to-start", record.state.value)
        if not self._parts.is_quiet():
            raise UpdateError("os-study-under-way")
        self._parts.restart()

    def needed(self) -> frozenset[str] | None:
        """What must work before this boot is kept; None: the boot loader counts no tries for it.

        Raises:
            UpdateError: `update-busy`.
            StorageError: as `look`.
        """
        record = self.look()
        running = self._parts.image.version
        entries = self._parts.loader.entries()
        if not any(each.version == running and each.left is not None for each in entries):
            return None
        return record.healthy

    def failed_its_health(self, missing: Sequence[str]) -> None:
        """A boot on trial lacks what worked before: written down for whoever asks after it.

        systemd then starts the machine again. The boot loader counts the tries; when they are used
        up it starts the old image.

        Raises:
            UpdateError: `update-busy`.
            StorageError: as `look`.
        """
        code, detail = "os-unhealthy", ", ".join(missing)
        with self._alone():
            record = self._settled()
            if record.state is OsState.TRIAL:
                write_record(self._folder.record, records.ailing(record, code, detail))
            self._note_failure(code, detail)
        journal.warn(code, reason=detail)

    def _note_failure(self, code: str, detail: str) -> None:
        """Once, not at every turn of the timer."""
        newest = self._history.newest(1)
        same = {"code": code, "detail": detail}
        if not newest or newest[0].what is not Happening.FAILED or newest[0].details != same:
            self._history.add(self._now, Happening.FAILED, **same)

    @property
    def _now(self) -> float:
        return self._clock.now()

    def _shown(self) -> OsFacts:
        """What the machine shows by itself."""
        parts = self._parts
        return OsFacts(parts.image.version, parts.boot, parts.loader.entries())

    def _facts(self, verified: Verified | None) -> OsFacts:
        """The same, with what the maker wants and what the site allows at this instant."""
        parts = self._parts
        return replace(
            self._shown(),
            orders=verified.orders if verified else None,
            is_quiet=parts.is_quiet(),
            may_restart=parts.may_restart(self._now),
        )

    def _settled(self) -> OsRecord:
        before = self._record()
        after = settled(before, self._shown(), self._now)
        if after == before:
            return after
        if before is not None and before.state is OsState.INSTALLING:
            staging.clear(self._folder)  # it ended between the last byte and the note of it
        return self._put(before, after)

    def _record(self) -> OsRecord | None:
        """As it stands; one that cannot be read is begun anew with what runs, and that is told."""
        try:
            return read_record(self._folder.record)
        except StorageError as error:
            if error.code != "os-record-broken":
                raise
            self._note_failure(error.code, error.detail)
            return None

    def _steps(self, record: OsRecord) -> OsRecord:
        verified, refusal = self._verified(record)
        for _ in range(_STEPS):
            step = next_step(record, self._facts(verified))
            match step:
                case Step.NOTHING:
                    break
                case Step.RESTART:
                    journal.event("os-restart", version=_next_version(record))
                    self._parts.restart()
                    break
                case Step.INSTALL if verified is None or not staging.is_there(verified):
                    break  # the update unit is still fetching
                case _:
                    record = self._done(step, record, verified)
        if refusal is not None:
            raise refusal
        at_rest = record.state in AT_REST
        if verified is not None and at_rest and is_recalled(record, verified.orders):
            raise UpdateError("os-recalled-alone", record.active.version)
        return record

    def _verified(self, record: OsRecord) -> tuple[Verified | None, UpdateError | None]:
        """What the maker has signed; without it what is under way goes on all the same."""
        parts = self._parts
        if not FolderSource(parts.mirror).has(_TIMESTAMP):
            return None, None  # the update unit has not run yet
        try:
            make_folder(self._folder.verifying.root)
            verifier = Verifier(
                self._folder, parts.mirror, parts.root, self._floors, parts.image.name
            )
            if record.state is OsState.COMMITTED:
                verifier.raise_floor(record)
            return verifier.verify(record, self._signer.device_id, self._now), None
        except UpdateError as error:
            return None, error

    def _done(self, step: Step, record: OsRecord, verified: Verified | None) -> OsRecord:
        loader = self._parts.loader
        match step:
            case Step.FORGET:
                loader.unselect()
                for version in record.denied:
                    loader.forget(version)
                return record
            case Step.CALL_OFF if record.candidate is not None:
                loader.forget(record.candidate.version)
                staging.clear(self._folder)
                return self._put(record, records.called_off(record, "", "", self._now))
            case Step.GO_BACK if record.previous is not None:
                loader.select(record.previous.version)
                after = records.taken_back(record, OsFault.RECALLED, "", self._now)
                return self._put(record, after)
            case Step.INSTALL if verified is not None and verified.orders.wanted is not None:
                return self._install(record, verified, verified.orders.wanted)
            case _:
                raise ValueError(f"{step} in {record.state}")

    def _install(self, record: OsRecord, verified: Verified, image: OsRef) -> OsRecord:
        staging.stage(self._folder, verified, lambda _done, _total: None)
        if record.state is not OsState.INSTALLING:
            healthy = self._parts.working()
            begun = records.begun(record, image, healthy, self._parts.boot, self._now)
            record = self._put(record, begun)
        self._parts.loader.unselect()
        install(image.version, self._parts.sysupdate)
        self._parts.loader.keep(image.version)
        staging.clear(self._folder)
        return self._put(record, records.written(record, self._parts.boot, self._now))

    def _put(self, before: OsRecord | None, after: OsRecord) -> OsRecord:
        """Durable first, then told."""
        write_record(self._folder.record, after)
        line = told(before, after)
        if line is not None:
            details = {"version": line.version, "reason": line.reason, "detail": line.detail}
            self._history.add(self._now, line.what, **details)
            journal.event(f"os-{line.what}", version=line.version, reason=line.reason)
            about = f"{line.what} {line.reason}".strip()
            subject = f"{self._parts.image.name} {line.version}"
            self._parts.audit(AuditEvent(AuditKind.SYSTEM_CHANGED, _ACTOR, subject, about))
        return after

    @contextmanager
    def _alone(self) -> Iterator[None]:
        make_folder(self._folder.root, mode=_FOLDER)
        try:
            descriptor = os.open(self._folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error) from error
        try:
            end, pause = self._clock.monotonic() + _PATIENCE_S, threading.Event()
            while not _locked(descriptor):
                if self._clock.monotonic() >= end:
                    raise UpdateError("update-busy")
                self._clock.wait(pause, _LOOK_S)
            yield
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _next_version(record: OsRecord) -> str:
    image = record.previous if record.state is OsState.RETREATING else record.candidate
    return image.version if image else ""
