"""Where a box keeps what it knows: the layout of the state folder, and its master key."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.config.secrets import secret_place
from appliance.errors import StorageError
from appliance.provision.key_home import HAND_OVER, KeyCredential, KeyFile, KeyHome
from appliance.sealing import MasterKey
from appliance.storage import Reserve, make_folder

_CREDENTIAL: Final = "master-key"
_LOOK_SECONDS: Final = 0.2
_RESERVED_BYTES: Final = 64 << 20

Ledger = TypeVar("Ledger")


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The places in the state folder: a folder for each unit, which the other ones only read."""

    root: Path

    @property
    def receive(self) -> Path:
        """The receiver's own folder: only it writes there."""
        return self.root / "receive"

    @property
    def analyse(self) -> Path:
        """The analyser's own folder."""
        return self.root / "analyse"

    @property
    def deliver(self) -> Path:
        """The deliverer's own folder."""
        return self.root / "deliver"

    @property
    def update(self) -> Path:
        """The update unit's own folder; see `appliance.update.layout.UpdateFolder`."""
        return self.root / "update"

    @property
    def os(self) -> Path:
        """Root's own folder, of the system image; see `appliance.update.os.staging.OsFolder`."""
        return self.root / "os"

    @property
    def access(self) -> Path:
        """The folder of the role that keeps the audit trail."""
        return self.root / "access"

    @property
    def menu(self) -> Path:
        """What the menu at the screen counts; root's own."""
        return self.root / "menu"

    @property
    def intake(self) -> Path:
        """The receiver's ledger."""
        return self.receive / "intake.db"

    @property
    def work(self) -> Path:
        """The analyser's ledger."""
        return self.analyse / "work.db"

    @property
    def delivery(self) -> Path:
        """The deliverer's ledger."""
        return self.deliver / "delivery.db"

    @property
    def spool(self) -> Path:
        """Sealed instances as received."""
        return self.receive / "spool"

    @property
    def results(self) -> Path:
        """Sealed results and pages that wait to be delivered."""
        return self.analyse / "results"


def state_folder(site: Site) -> StateFolder:
    """The site's state folder, made where it is missing."""
    root = Path(site.state_folder)
    make_folder(root)
    return StateFolder(root)


def master_key_path(site: Site) -> Path:
    """Systemd's credential, or else the key file of the YAML."""
    place = secret_place(site.master_key_file, _CREDENTIAL, os.environ)
    if place is None:
        raise StorageError("master-key-missing", "no key file and no credential")
    return place


def master_key(site: Site) -> MasterKey:
    """The box's master key; StorageError where there is none."""
    path = master_key_path(site)
    is_credential = site.master_key_file is None or path != Path(site.master_key_file)
    return MasterKey.load(path, HAND_OVER if is_credential else None)


def key_home(site: Site) -> KeyHome:
    """Where the master key lies for who may change it: root, or the owner of the key file."""
    named = site.master_key_file
    return KeyCredential() if named is None else KeyFile(Path(named))


def reserve_in(folder: Path) -> Reserve:
    """The room that a unit keeps in its own folder, to go on when the disk is full."""
    return Reserve(folder / "reserve", _RESERVED_BYTES)


def when_there(open_ledger: Callable[[], Ledger], stop: threading.Event, clock: Clock) -> Ledger:
    """Open another unit's ledger as soon as that unit has made it.

    Raises StorageError("ledger-missing") when asked to stop before that.
    """
    while True:
        try:
            return open_ledger()
        except StorageError as error:
            if error.code != "ledger-missing" or clock.wait(stop, _LOOK_SECONDS):
                raise
