"""`osteon update os`: the system image of a box that was flashed with one."""

from __future__ import annotations

import getpass
import threading
from pathlib import Path
from typing import Final

import click

from appliance.audit.events import typed
from appliance.cli.options import config_option, json_option, site_in_use
from appliance.cli.presentation import as_json, screen
from appliance.clock import SystemClock
from appliance.daemon.os.composing import os_unit
from appliance.daemon.os.well_being import UNITS, lacking, system_machine, working
from appliance.errors import UpdateError
from appliance.update.os.record import OsRecord
from appliance.update.os.states import OsState

_LOOK_S: Final = 5.0
_HEALTHY_WITHIN_S: Final = 900.0
"""Loading and trying every model takes minutes on the slowest of our machines."""


@click.group("os")
def os_group() -> None:
    """The system of this box: installed beside the running one, tried, kept or taken back."""


@os_group.command("go-on")
@config_option
@json_option
def go_on(config: Path, *, is_json: bool) -> None:
    """Do what is to be done now (for the timer): install, restart in the site's window, take back.

    Never while a study is under way.
    """
    _show(os_unit(site_in_use(config), SystemClock()).go_on(), is_json=is_json)


@os_group.command("rollback")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record; no patient data.")
@config_option
@json_option
def rollback(reason: str, config: Path, *, is_json: bool) -> None:
    """Run the system before from the next restart on; the one in use is never installed again."""
    unit = os_unit(site_in_use(config), SystemClock())
    record = unit.take_back(getpass.getuser(), typed(reason))
    _show(record, is_json=is_json)
    if not is_json and record.state is OsState.RETREATING:
        screen().print("Now, or in the night: `osteon update os restart`.")


@os_group.command("restart")
@config_option
def restart(config: Path) -> None:
    """Restart now into what was installed, or back. Refused while a study is under way."""
    os_unit(site_in_use(config), SystemClock()).restart_by_hand()


@os_group.command("healthy")
@config_option
def healthy(config: Path) -> None:
    """Wait until this boot is as healthy as the last one was (for systemd, before it is kept).

    A boot whose tries are not counted passes at once. Exit status 1: it is ill; systemd then starts
    the machine again, and the system before once all tries are used up.
    """
    site, clock = site_in_use(config), SystemClock()
    unit = os_unit(site, clock)
    needed = unit.needed()
    if needed is None:
        return
    needed = needed or frozenset(UNITS)
    end, pause = clock.monotonic() + _HEALTHY_WITHIN_S, threading.Event()
    while missing := lacking(needed, working(site, system_machine(), clock)):
        if clock.monotonic() >= end:
            unit.failed_its_health(missing)
            raise UpdateError("os-unhealthy", ", ".join(missing))
        clock.wait(pause, _LOOK_S)


def _show(record: OsRecord, *, is_json: bool) -> None:
    shown = {
        "state": record.state.value,
        "runs": record.active.version,
        "kept": record.previous.version if record.previous else None,
        "new": record.candidate.version if record.candidate else None,
    }
    if is_json:
        as_json(shown)
        return
    said = ", ".join(f"{key} {value}" for key, value in shown.items() if value)
    screen().print(f"system: {said}", soft_wrap=True)
