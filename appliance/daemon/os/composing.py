"""The installing unit put together from the site YAML and this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import time
from functools import partial
from pathlib import Path
from typing import Final

from appliance.audit.report import report_if_possible
from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.device_key import signer_of
from appliance.daemon.os.unit import OsUnit, Parts
from appliance.daemon.os.well_being import standing, system_machine
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError, UpdateError
from appliance.inference.manifest import shipped
from appliance.ledger.figures import Figures
from appliance.ledger.work import WorkLedger
from appliance.update.layout import UpdateFolder
from appliance.update.os.boot_entries import BootLoader
from appliance.update.os.machine import SYSUPDATE, RunningImage, boot_id, running_image
from appliance.update.os.staging import OsFolder
from appliance.update.os.windows import Window

_LOOK_BACK_S: Final = 7 * 86_400.0
_SECONDS: Final = 60.0
_ENTRIES: Final = "EFI/Linux"


def os_folder(state: StateFolder) -> OsFolder:
    """Root's own folder."""
    return OsFolder(state.os)


def os_unit(site: Site, clock: Clock) -> OsUnit:
    """The unit of this machine.

    Raises:
        UpdateError: `os-not-an-image`, the machine was not flashed with one of ours;
            `os-boot-loader-failed`.
        SignatureError: as `signer_of`.
        StorageError: `storage-failed`.
    """
    image = running_image()
    if image is None:
        raise UpdateError("os-not-an-image")
    state = StateFolder(Path(site.state_folder))
    return OsUnit(os_folder(state), signer_of(site), _parts(site, state, image, clock), clock)


def is_quiet(state: StateFolder, now: float) -> bool:
    """Whether no study is under way, from its first image to its report.

    A ledger that is not there has none; one that cannot be read says nothing, which is no.
    """
    try:
        with closing(WorkLedger(state.work, read_only=True)) as work:
            if any(not revision.is_phantom for revision in work.unfinished()):
                return False
        with closing(Figures(state.intake, state.work, state.delivery)) as figures:
            return not figures.not_taken_up(now - _LOOK_BACK_S)
    except StorageError as error:
        return error.code == "ledger-missing"


def restart_window(site: Site) -> Window | None:
    """When the site lets its box restart by itself; None: never."""
    begin, end = site.update.restart_from, site.update.restart_until
    if begin is None or end is None:
        return None
    return Window(time.fromisoformat(begin), time.fromisoformat(end))


def _parts(site: Site, state: StateFolder, image: RunningImage, clock: Clock) -> Parts:
    window = restart_window(site)
    may_restart: Callable[[float], bool] = window.holds if window else (lambda _: False)
    return Parts(
        image=image,
        boot=boot_id(),
        loader=BootLoader(_boot_folder() / _ENTRIES, image.name),
        sysupdate=SYSUPDATE,
        restart=_restart,
        mirror=UpdateFolder(state.update).mirror,
        root=shipped("root.json"),
        is_quiet=lambda: is_quiet(state, clock.now()),
        may_restart=may_restart,
        working=lambda: standing(site, system_machine(), clock),
        audit=partial(report_if_possible, state.access),
    )


def _boot_folder() -> Path:
    """Where the boot loader's partition is mounted."""
    return Path(_said(["bootctl", "--print-boot-path"]).strip())


def _restart() -> None:
    _said(["systemctl", "reboot"])


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise UpdateError("os-boot-loader-failed", type(error).__name__) from None
    return done.stdout
