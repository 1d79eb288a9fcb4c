"""`osteon run`, and the role that each of its children plays."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from appliance import journal
from appliance.cli.options import config_option
from appliance.cli.presentation import complain, screen
from appliance.clock import SystemClock
from appliance.daemon.site_file import SiteFile, read_or_fall_back
from appliance.daemon.supervise import ROLES, Supervisor, play
from appliance.errors import ConfigError


def _obey_signals(reload: Callable[[], None]) -> threading.Event:
    """SIGTERM and Ctrl-C set the event; SIGHUP calls `reload`, which may take no lock."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    signal.signal(signal.SIGHUP, lambda _number, _frame: reload())
    return stop


@click.command()
@config_option
def run(config: Path) -> None:
    """Run every role in the foreground until SIGTERM or Ctrl-C; SIGHUP reads the YAML again."""
    reading = read_or_fall_back(config, ROLES[0])
    site = reading.site
    supervisor = Supervisor(config, SystemClock())
    stop = _obey_signals(supervisor.ask_to_reload)
    journal.open_journal("osteon")
    if reading.refusal is not None:
        complain(reading.refusal)
        screen().print("The site YAML cannot be used: going on with the last good one.")
    screen().print(
        f"Osteon for {site.site.name}: AE title {site.dicom.ae_title}, port {site.dicom.port}."
        " Investigational, not for diagnosis. Ctrl-C ends it.",
        soft_wrap=True,
    )
    supervisor.run(stop)


@click.command(hidden=True)
@click.argument("name", type=click.Choice(ROLES))
@config_option
@click.option("--until-input-ends", is_flag=True, help="Stop when standard input is closed.")
def role(name: str, config: Path, *, until_input_ends: bool) -> None:
    """Play one role (used by `osteon run` and by the systemd units)."""
    # A core dump would hold images; systemd forbids it too, `osteon run` has only this.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    journal.open_journal(name)
    site_file = SiteFile(config, name)
    stop = _obey_signals(site_file.ask_to_reload)
    if until_input_ends:
        threading.Thread(target=_watch_lifeline, args=(stop,), daemon=True).start()
    try:
        play(name)(site_file, stop, SystemClock())
    except ConfigError as error:
        site_file.could_not_start(error)
        raise


def _watch_lifeline(stop: threading.Event) -> None:
    """The parent holds the other end: however it dies, this read ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    stop.set()
