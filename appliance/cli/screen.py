"""`osteon screen`: how the box stands, on its own console, and the technician's menu."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click

from appliance import journal
from appliance.cli.first_boot import refused_option
from appliance.cli.options import config_option
from appliance.clock import SystemClock
from appliance.errors import UsageError
from appliance.provision.identity import RECORD
from appliance.screen.line import DOOR
from appliance.screen.looking import CGROUPS, Looker, Places
from appliance.screen.mounts import TABLE
from appliance.screen.program import Screen
from appliance.screen.terminal import opened
from appliance.wipe.journal import DONE, FOLDER


@click.command("screen")
@click.option(
    "--identity",
    type=click.Path(path_type=Path),
    default=Path("/etc/osteon/identity", RECORD),
    show_default=True,
    metavar="FILE",
    help="The record of the device's identity, or a copy of it.",
)
@click.option(
    "--door",
    type=click.Path(path_type=Path),
    default=DOOR,
    show_default=True,
    metavar="SOCKET",
    help="Where the menu is called for.",
)
@click.option(
    "--wiped",
    type=click.Path(path_type=Path),
    default=Path(FOLDER, DONE),
    show_default=True,
    metavar="FILE",
    help="What a wipe leaves to say of itself, or a copy of it.",
)
@click.option("--table", type=click.Path(path_type=Path), default=TABLE, hidden=True)
@click.option(
    "--cgroups", type=click.Path(path_type=Path), multiple=True, default=CGROUPS, hidden=True
)
@refused_option
@config_option
def screen_verb(  # noqa: PLR0913 - the options of one command
    *,
    config: Path,
    identity: Path,
    door: Path,
    wiped: Path,
    table: Path,
    cgroups: tuple[Path, ...],
    refused: Path,
) -> None:
    """Show how the box stands, until it is ended; Enter opens the technician's menu.

    Made for the console of the box (osteon-screen.service): no key ends it, not even Ctrl-C.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("screen-without-terminal")
    journal.open_journal("screen")
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    clock = SystemClock()
    looker = Looker(Places(config, identity, wiped, refused, cgroups, table), clock)
    with opened() as terminal:
        Screen(terminal, looker, door, clock).run(stop)
