"""The machine under the box: master key, disk, clock."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Final

from appliance.checks.probe import Probe, Surroundings
from appliance.checks.result import CheckResult, ok, warning
from appliance.daemon.state import master_key
from appliance.errors import Notice, StorageError
from appliance.provision.key_home import MASTER_KEY_CREDENTIAL

_LARGEST_ERROR_S: Final = 2.0
_MIB: Final = 1 << 20


def key(around: Surroundings) -> tuple[Probe, ...]:
    """Whether the master key is there and is one."""
    return (Probe("master key", partial(_key, around)),)


def disk(around: Surroundings) -> tuple[Probe, ...]:
    """Whether there is room above what images may not take."""
    return (Probe("disk", partial(_disk, around)),)


def clock(around: Surroundings) -> tuple[Probe, ...]:
    """Whether something keeps the clock."""
    return (Probe("clock", partial(_clock, around)),)


def _key(around: Surroundings) -> CheckResult:
    # A unit gets its credential opened by systemd; a technician's shell has only the sealed file.
    is_for_units_only = (
        around.site.master_key_file is None and "CREDENTIALS_DIRECTORY" not in os.environ
    )
    if is_for_units_only and MASTER_KEY_CREDENTIAL.exists():
        return ok("master key", "sealed as a credential, which systemd opens for Osteon's units")
    master_key(around.site)
    return ok("master key", "there, and it opens")


def _disk(around: Surroundings) -> CheckResult:
    folder = Path(around.site.state_folder)
    reserve = around.site.dicom.limits.keep_free_mib << 20
    # Before the first start the folder is not there; its disk is.
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = around.free_bytes(there)
    figures = f"{free // _MIB} MiB free, {reserve // _MIB} MiB kept free"
    if free <= reserve:
        raise StorageError("disk-full", figures)
    if free < 2 * reserve:
        return warning("disk", Notice("disk-nearly-full", figures))
    return ok("disk", figures)


def _clock(around: Surroundings) -> CheckResult:
    kept = around.discipline()
    if not kept.is_synchronised and not around.site.health.clock_needs_server:
        return ok("clock", "set by hand, as the site YAML says; compare it with the hospital's")
    if not kept.is_synchronised:
        return warning("clock", Notice("clock-unsynchronised", "the kernel says so"))
    figures = f"off by {kept.largest_error_s:.2f} s at most"
    if kept.largest_error_s > _LARGEST_ERROR_S:
        return warning("clock", Notice("clock-unsynchronised", figures))
    return ok("clock", f"kept by a time server, {figures}")
