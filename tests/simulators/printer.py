"""A network printer with the real protocol: CUPS' `ippeveprinter`, which can be told to misbehave.

It wants a system bus only to reach Avahi; a private bus of its own lets it start on any machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.simulators.mail import free_port

NEEDED = {
    "ippeveprinter": "cups-ipp-utils",
    "dbus-daemon": "dbus (dbus-daemon)",
}


class Paper(StrEnum):
    """What happens to a job."""

    PRINTS = "prints"
    EMPTY = "empty"
    """The tray is empty: the job waits."""
    SLOW = "slow"
    """The job is at work, and nothing else is taken."""
    LIES = "lies"
    """"Completed", and nothing came out."""
    ABORTS = "aborts"


# What `ippeveprinter` runs for each job. Standard error is its way to set attributes.
_PRESS = """#!/bin/sh
paper=$(cat "{folder}/paper")
while [ "$paper" = empty ] || [ "$paper" = slow ]; do
  [ "$paper" = empty ] && echo "STATE: media-empty" >&2
  sleep 0.1
  paper=$(cat "{folder}/paper")
done
echo "STATE: -media-empty" >&2
[ "$paper" = aborts ] && exit 1
[ "$paper" = lies ] && exit 0
cp "$1" "{folder}/press/$$" && mv "{folder}/press/$$" "{folder}/printed/"
echo "ATTR: job-impressions=1 job-impressions-completed=1" >&2
"""


@dataclass
class Printer:
    """A running printer."""

    uri: str
    folder: Path

    def set_paper(self, paper: Paper) -> None:
        """Change what happens to jobs, from now on and for those that wait."""
        staging = self.folder / "paper.new"
        staging.write_text(paper)
        staging.replace(self.folder / "paper")

    def printed(self) -> list[bytes]:
        """What came out, as the printer got it, in that order (names are process numbers)."""
        files = (self.folder / "printed").iterdir()
        return [
            file.read_bytes() for file in sorted(files, key=lambda each: each.stat().st_mtime_ns)
        ]

    def log(self) -> str:
        """What the printer saw, job names included."""
        return (self.folder / "log").read_text(errors="replace")


def missing() -> str:
    """Which packages this machine lacks for the simulator; empty when none."""
    return ", ".join(package for name, package in NEEDED.items() if not shutil.which(name))


@contextlib.contextmanager
def _bus(folder: Path) -> Iterator[str]:
    address = f"unix:path={folder}/bus"
    configuration = folder / "bus.conf"
    configuration.write_text(
        "<busconfig>"
        f"<type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>"
        '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
        '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'
    )
    command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as daemon:
        try:
            yield address
        finally:
            daemon.terminate()


@contextlib.contextmanager
def ipp_printer(folder: Path) -> Iterator[Printer]:
    """A printer on loopback whose spool and output lie in `folder`.

    The folder's path must be short enough for a socket's name.
    """
    for name in ("spool", "printed", "press"):
        (folder / name).mkdir(parents=True)
    press = folder / "press.sh"
    press.write_text(_PRESS.format(folder=folder))
    press.chmod(0o755)
    port = free_port()
    printer = Printer(f"ipp://127.0.0.1:{port}/ipp/print", folder)
    printer.set_paper(Paper.PRINTS)
    command = [
        *("ippeveprinter", "-p", str(port), "-n", "localhost", "-r", "off", "-v", "-v"),
        *(
            "-K",
            str(folder),
            "-f",
            "application/pdf",
            "-d",
            str(folder / "spool"),
            "-c",
            str(press),
            "Osteon test",
        ),
    ]
    with _bus(folder) as bus, (folder / "log").open("wb") as log:
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus}
        _wait_for((folder / "bus").exists)
        with subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as process:
            try:
                _wait_for(lambda: _answers(port, process))
                yield printer
            finally:
                # The press may wait for paper: the whole group goes.
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("the printer simulator did not start")
        time.sleep(0.02)


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"ippeveprinter ended with {process.returncode}")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
