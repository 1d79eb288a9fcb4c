"""`osteon run`, and the role that each of its children plays."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import click

from appliance import journal
from appliance.cli.options import config_option, site_of
from appliance.cli.presentation import screen
from appliance.clock import SystemClock
from appliance.daemon.supervise import ROLES, Supervisor, play


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


@click.command()
@config_option
def run(config: Path) -> None:
    """Run every role in the foreground until SIGTERM or Ctrl-C."""
    site = site_of(config)
    stop = _stop_on_signals()
    journal.to_standard_error("osteon")
    screen().print(
        f"Osteon for {site.site.name}: AE title {site.dicom.ae_title}, port {site.dicom.port}."
        " Investigational, not for diagnosis. Ctrl-C ends it.",
        soft_wrap=True,
    )
    Supervisor(config, SystemClock()).run(stop)


@click.command(hidden=True)
@click.argument("name", type=click.Choice(ROLES))
@config_option
@click.option("--until-input-ends", is_flag=True, help="Stop when standard input is closed.")
def role(name: str, config: Path, *, until_input_ends: bool) -> None:
    """Play one role (used by `osteon run` and by the systemd units)."""
    stop = _stop_on_signals()
    journal.to_standard_error(name)
    if until_input_ends:
        threading.Thread(target=_watch_lifeline, args=(stop,), daemon=True).start()
    site = site_of(config)
    os.environ["TZ"] = site.site.time_zone
    time.tzset()
    play(name)(site, stop, SystemClock())


def _watch_lifeline(stop: threading.Event) -> None:
    """The parent holds the other end: however it dies, this read ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    stop.set()
