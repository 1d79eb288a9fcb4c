"""`osteon run`: keeps the roles running as children of one foreground command.

On an installed box systemd does this; here it is done for development, the demo and small
installs. A role that ends is started again after a pause that grows while it keeps ending.
"""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance import journal

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.clock import Clock
    from appliance.daemon.site_file import SiteFile

ROLES: Final = ("access", "receive", "analyse", "deliver")
Role = Callable[["SiteFile", threading.Event, "Clock"], None]
_LOOK_SECONDS: Final = 0.2
_LONGEST_PAUSE: Final = 10.0
_STEADY_SECONDS: Final = 60.0
"""A role that ran this long is taken as sound again."""
_GRACE_SECONDS: Final = 20.0


def play(name: str) -> Role:
    """The function of a role; its module is loaded only by the process that plays it."""
    module = importlib.import_module(f"appliance.daemon.{name}_role")
    role: Role = getattr(module, name)
    return role


@dataclass(slots=True)
class _Role:
    name: str
    process: subprocess.Popen[bytes]
    started: float
    restarts: int = 0
    due: float | None = None


class Supervisor:
    """Starts every role, restarts those that end, stops all when asked."""

    def __init__(self, config: Path, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._is_reload_asked = False

    def ask_to_reload(self) -> None:
        """From a signal handler: every role is to read the site YAML again."""
        self._is_reload_asked = True

    def run(self, stop: threading.Event) -> None:
        """Block until `stop`; then end every role cleanly, or kill it after a grace time."""
        roles = [_Role(name, self._start(name), self._clock.monotonic(), 0, None) for name in ROLES]
        try:
            while not self._clock.wait(stop, _LOOK_SECONDS):
                if self._is_reload_asked:
                    self._is_reload_asked = False
                    self._reload(roles)
                for role in roles:
                    self._look_after(role)
        finally:
            self._end(roles)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        # Standard input is the lifeline: it ends when this process does, however it dies.
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "appliance.cli", "role", name),
                *("--config", str(self._config), "--until-input-ends"),
            ],
            stdin=subprocess.PIPE,
        )
        journal.event("role-started", role=name, pid=process.pid)
        return process

    def _look_after(self, role: _Role) -> None:
        now = self._clock.monotonic()
        if role.due is not None:
            if now >= role.due:
                role.process, role.started, role.due = self._start(role.name), now, None
            return
        status = role.process.poll()
        if status is None:
            return
        role.restarts = 0 if now - role.started > _STEADY_SECONDS else role.restarts + 1
        pause = min(_LONGEST_PAUSE, 0.5 * 2 ** min(role.restarts, 10))
        role.due = now + pause
        journal.fail("role-ended", role=role.name, status=status, seconds=pause)

    def _reload(self, roles: list[_Role]) -> None:
        # One that is only starting may not know the signal yet: it ends, and starts anew.
        for role in roles:
            role.process.send_signal(signal.SIGHUP)

    def _end(self, roles: list[_Role]) -> None:
        running = [role.process for role in roles if role.process.poll() is None]
        for process in running:
            process.terminate()
        end = self._clock.monotonic() + _GRACE_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, end - self._clock.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
