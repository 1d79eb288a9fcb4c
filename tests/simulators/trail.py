"""The audit trail of a box that is not running: kept meanwhile, and read back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from appliance.audit.reader import TrailReader
from appliance.clock import SystemClock
from appliance.daemon.access_role import access
from appliance.daemon.site_file import SiteFile
from appliance.daemon.state import StateFolder
from tests.simulators.box import wait_until


@contextmanager
def keeping_the_trail(config: Path, state: Path) -> Iterator[None]:
    """The unit that keeps it, at work."""
    stop = threading.Event()
    door = StateFolder(state).access / "door"
    with ThreadPoolExecutor(1) as pool:
        keeping = pool.submit(access, SiteFile(config, "access"), stop, SystemClock())
        try:
            wait_until(lambda: keeping.done() or door.exists(), 60)
            yield
        finally:
            stop.set()
    assert keeping.exception() is None


def audited(state: Path, kind: str) -> list[tuple[str, str, bool]]:
    """What the trail says that somebody at the screen did: about what, how, whether it came off."""
    return [
        (each.subject, each.detail, each.is_success)
        for each in TrailReader(StateFolder(state).access).new()
        if (each.kind, each.actor) == (kind, "technician at the screen")
    ]
