"""Ending the box's own processes at once: nothing is finished that would be destroyed anyway."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from appliance.clock import Clock
from appliance.wipe.programs import Programs

_SECONDS: Final = 5.0
_GONE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.05
_OURS: Final = "osteon-wipe"
"""The unit that resumes a wipe must not stop itself."""


class BoxProcesses:
    """Units of systemd, and whatever else has a file of the box open (`osteon run`)."""

    def __init__(
        self, folders: tuple[str, ...], programs: Programs, clock: Clock, *, has_units: bool
    ) -> None:
        self._folders = folders
        self._programs = programs
        self._clock = clock
        self._has_units = has_units

    def stop(self) -> str:
        """End them; empty, or what went wrong."""
        trouble = self._stop_units() if self._has_units else ""
        end = self._clock.monotonic() + _GONE_SECONDS
        never = threading.Event()
        while found := set(_holders(self._folders)):
            if self._clock.monotonic() > end:
                return f"{len(found)} process(es) still hold files of the box open"
            for number in found:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            self._clock.wait(never, _LOOK_SECONDS)
        return trouble

    def _stop_units(self) -> str:
        listed = self._programs.run(
            ["systemctl", "list-units", "--plain", "--no-legend", "--no-pager", "osteon*"], _SECONDS
        )
        units = [line.split()[0] for line in listed.out.splitlines() if line.split()]
        units = [unit for unit in units if not unit.startswith(_OURS)]
        if not units:
            return "" if listed.is_done else listed.trouble
        # First asked for, so that systemd does not start again what is killed next.
        stopped = self._programs.run(["systemctl", "--no-block", "stop", *units], _SECONDS)
        services = [unit for unit in units if unit.endswith(".service")]
        if services:
            self._programs.run(["systemctl", "kill", "--signal=SIGKILL", *services], _SECONDS)
        return stopped.trouble


def _holders(folders: tuple[str, ...]) -> Iterator[int]:
    """Processes that have a file below one of the folders open; never this one."""
    heads = tuple(f"{folder}/" for folder in folders)
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with suppress(OSError):
            opened = (link.readlink() for link in (process / "fd").iterdir())
            if any(str(place).startswith(heads) for place in opened):
                yield int(process.name)
