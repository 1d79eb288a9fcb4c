"""The update unit put together from the site YAML: one attempt, and the status that follows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance import __version__, journal
from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.packs.places import uses
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError, UpdateError
from appliance.inference.manifest import shipped
from appliance.ledger.models import ModelState, ModelStates
from appliance.provision.tpm_counter import TpmCounter
from appliance.signing import DeviceSigner
from appliance.storage import make_folder
from appliance.update.check import Box, Look, Refusal, apply, attempt, check
from appliance.update.fetching import Report
from appliance.update.floor_record import FloorRecord
from appliance.update.floor_tie import FloorTie, Standing
from appliance.update.history import Happening, History
from appliance.update.http_source import HttpSource
from appliance.update.layout import METADATA, UpdateFolder
from appliance.update.os.machine import running_image
from appliance.update.os.record_file import read_record
from appliance.update.os.staging import OsFolder
from appliance.update.pace import Pace
from appliance.update.receipt import Receipt, leave
from appliance.update.slots_file import SLOTS, read_slots
from appliance.update.source import FolderSource, Source
from appliance.update.status import Known, System, status_of
from appliance.update.status_sending import StatusAddress, post, put_out
from appliance.update.times import to_iso

_PACE: Final = Pace()
_ENTRIES: Final = 500
_UMASK: Final = 0o027
_FOLDER: Final = 0o750


@dataclass(frozen=True, slots=True)
class Done:
    """What an attempt came to. receipt: its place on the stick; None where there is none."""

    look: Look
    refused: tuple[Refusal, ...] = ()
    receipt: Path | None = None


class UpdateUnit:
    """What the verbs, the menu and the timer's unit do."""

    def __init__(
        self,
        site: Site,
        clock: Clock,
        stick: Path | None = None,
        make_writable: Callable[[], None] = lambda: None,
    ) -> None:
        """`stick`: a folder in place of the YAML's source; `make_writable`: it, for the receipt."""
        self._site = site
        self._clock = clock
        self._stick = stick or _mounted(site)
        self._make_writable = make_writable
        self.state = StateFolder(Path(site.state_folder))
        self.folder = UpdateFolder(self.state.update)
        self.history = History(self.folder.history)
        self.os_folder = OsFolder(self.state.os)

    @property
    def is_configured(self) -> bool:
        """Whether there is a source at all."""
        return self._stick is not None or self._site.update.url is not None

    def look(self, signer: DeviceSigner) -> Look:
        """Check, and change nothing but metadata, floor and offers that hold no longer."""
        source = self._source()
        box = self._box(signer)
        with as_owner(self.folder.root), attempt(box, source):
            return check(box, source)

    def bring_up_to_date(self, signer: DeviceSigner, report: Report) -> Done:
        """Check, fetch and offer; a signed receipt for a stick; then a status for the maker."""
        source = self._source()
        box = self._box(signer)
        with as_owner(self.folder.root):
            try:
                with attempt(box, source):
                    look = check(box, source)
                    refused = apply(box, source, look, report)
            finally:
                self._tell(signer)
        return Done(look, refused, self._receipt(signer, look, refused))

    def reset_floor(self, signer: DeviceSigner, by: str, reason: str) -> bool:
        """Begin the floor record anew, by order of a person, who is recorded with the reason.

        Returns whether a TPM's counter stands beside it.
        """
        with as_owner(self.folder.root):
            make_folder(self.folder.root, mode=_FOLDER)
            FloorRecord(self.folder.floors, signer).begin()
            self.history.add(self._clock.now(), Happening.FLOOR_RESET, by=by, reason=reason)
        if running_image() is not None:
            _begin_os_floor(self.os_folder, signer)
        return FloorTie(self.folder, signer, TpmCounter()).begin()

    def _box(self, signer: DeviceSigner) -> Box:
        image = running_image()
        return Box(
            folder=self.folder,
            device_id=signer.device_id,
            floors=FloorRecord(self.folder.floors, signer),
            history=self.history,
            slots=lambda: read_slots(self.state.analyse / SLOTS),
            factory=Path(self._site.packs.folder),
            used=frozenset(use.name for use in uses(self._site)),
            root=shipped("root.json"),
            clock=self._clock,
            os_name=image.name if image else None,
            os_record=lambda: read_record(self.os_folder.record),
        )

    def _source(self) -> Source:
        update = self._site.update
        if self._stick is not None:
            return FolderSource(self._stick)
        if update.url is None:
            raise UpdateError("update-not-configured")
        ca_file = Path(update.ca_file) if update.ca_file else None
        return HttpSource(update.url, self._clock, _PACE, ca_file=ca_file, proxy=update.proxy)

    def _receipt(
        self, signer: DeviceSigner, look: Look, refused: tuple[Refusal, ...]
    ) -> Path | None:
        """A stick that cannot be written to stops no update."""
        if self._stick is None:
            return None
        failed = {refusal.choice for refusal in refused}
        system = (look.os,) if look.os is not None and look.wants_os else ()
        receipt = Receipt(
            signer.device_id,
            to_iso(self._clock.now()),
            look.client.freshness.timestamp,
            tuple(each for each in (*look.outstanding, *system) if each not in failed),
            tuple((refusal.choice, refusal.error.code) for refusal in refused),
        )
        self._make_writable()
        try:
            return leave(receipt, signer, self._stick)
        except StorageError:
            return None

    def _tell(self, signer: DeviceSigner) -> None:
        """What cannot be told now is told by the next status; it must not hide an error."""
        update = self._site.update
        try:
            known = Known(
                signer.device_id,
                __version__,
                read_slots(self.state.analyse / SLOTS),
                {model.name: model for model in self._models()},
                self.history.newest(_ENTRIES),
                self._system(),
            )
            envelope = put_out(status_of(known, self._clock.now()), signer, self.folder.root)
            if update.status_url is not None:
                ca_file = Path(update.ca_file) if update.ca_file else None
                post(envelope, StatusAddress(update.status_url, ca_file, update.proxy))
        except (StorageError, UpdateError) as error:
            journal.warn("status-untold", code=error.code, detail=error.detail)

    def _system(self) -> System | None:
        image = running_image()
        if image is None:
            return None
        return System(image.name, image.version, read_record(self.os_folder.record))

    def _models(self) -> tuple[ModelState, ...]:
        if not self.state.work.exists():
            return ()
        with closing(ModelStates(self.state.work, read_only=True)) as models:
            return models.all()


def begin_floor_of_new_box(state: StateFolder, signer: DeviceSigner) -> bool:
    """Begin the floor record of a box that is just becoming somebody; whether that was done.

    It is done only where no repository has ever been looked at. Where one has, the identity was
    lost and the record with it, and only a person may begin another one.

    Raises StorageError.
    """
    folder = UpdateFolder(state.update)
    traces = (folder.client, folder.metadata, folder.packs, folder.offers, folder.history)
    if not folder.root.is_dir() or any(place.exists() for place in traces):
        return False
    with as_owner(folder.root):
        FloorRecord(folder.floors, signer).begin()
    FloorTie(folder, signer, TpmCounter()).begin()
    if running_image() is not None:
        _begin_os_floor(OsFolder(state.os), signer)
    return True


def floor_at_start(state: StateFolder, signer: DeviceSigner) -> Standing:
    """At each start, by root: whether the TPM bears out the floor record. Raises StorageError."""
    folder = UpdateFolder(state.update)
    if not folder.root.is_dir():
        return Standing.UNTIED
    return FloorTie(folder, signer, TpmCounter()).check_at_start()


def _begin_os_floor(folder: OsFolder, signer: DeviceSigner) -> None:
    """That of the installing unit, which is root's alone."""
    make_folder(folder.verifying.root)
    FloorRecord(folder.verifying.floors, signer).begin()


def note_first_floor(state: StateFolder, now: float) -> None:
    """Write into the history by whom it was begun. Raises StorageError."""
    folder = UpdateFolder(state.update)
    with as_owner(folder.root):
        begun = {"by": "first boot", "reason": "a new identity"}
        History(folder.history).add(now, Happening.FLOOR_RESET, **begun)


def _mounted(site: Site) -> Path | None:
    """The stick that the YAML names: where one lies, or where there is no other source."""
    update = site.update
    if update.usb is None:
        return None
    folder = Path(update.usb)
    return folder if update.url is None or (folder / METADATA).is_dir() else None


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Work as whoever owns the folder, where root does what the unit would do.

    Files that root made there the unit could not replace.
    """
    try:
        owner = folder.stat()
    except FileNotFoundError:
        yield
        return
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    mask = os.umask(_UMASK)
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.umask(mask)
