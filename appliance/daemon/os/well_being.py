"""What works on this box, by names: taken before a restart, asked for after it.

Nothing here depends on a network beyond this machine, or on what a site has decided: a new system
must do what the old one did, no more.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.clock import Clock
from appliance.config.schema import Site
from appliance.daemon.receiver_echo import answers
from appliance.daemon.starts import last_starts
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError
from appliance.ledger.models import ModelStates

DATA: Final = "data"
STEADY: Final = "steady"
RECEIVER: Final = "receiver"
ALWAYS: Final = frozenset({DATA, STEADY, RECEIVER})
"""Asked of every boot on trial, whatever worked before."""
UNITS: Final = (
    "osteon-access.service",
    "osteon-receive.service",
    "osteon-analyse.service",
    "osteon-deliver.service",
)
_ANALYSER: Final = "osteon-analyse.service"
_LOOP: Final = 3
"""Starts of one role within one boot that are a crash loop."""
_SECONDS: Final = 20.0
_NOT_KEPT: Final = frozenset({"erofs", "overlay", "ramfs", "squashfs", "tmpfs"})
_HEALTHY_CODES: Final = frozenset({"", "device-fell-back"})


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of the machine. is_active: whether systemd says so of a unit."""

    is_active: Callable[[str], bool]
    is_mounted: Callable[[Path], bool]
    uptime_s: Callable[[], float]


def standing(site: Site, machine: Machine, clock: Clock) -> frozenset[str]:
    """Names of what works at this instant, as far as one without a network can tell.

    `data`, `steady`, units, `model NAME`: the installing unit takes them down before a restart.
    """
    return frozenset(_standing(site, machine, clock))


def working(site: Site, machine: Machine, clock: Clock) -> frozenset[str]:
    """The same, and `receiver` where it answers."""
    return standing(site, machine, clock) | ({RECEIVER} if answers(site) else set())


def lacking(needed: frozenset[str], found: frozenset[str]) -> tuple[str, ...]:
    """What a boot on trial still lacks, in a fixed order; nothing: it is healthy."""
    return tuple(sorted((needed | ALWAYS) - found))


def system_machine() -> Machine:
    """This one."""
    return Machine(_is_active, _is_mounted, _uptime_s)


def _standing(site: Site, machine: Machine, clock: Clock) -> Iterator[str]:
    state = StateFolder(Path(site.state_folder))
    if machine.is_mounted(state.root):
        yield DATA
    since = clock.now() - machine.uptime_s()
    roles = (state.access, state.receive, state.analyse, state.deliver)
    if all(sum(at >= since for at in last_starts(role)) < _LOOP for role in roles):
        yield STEADY
    active = [unit for unit in UNITS if machine.is_active(unit)]
    yield from active
    if _ANALYSER in active:  # which says so only after every pack has passed its golden cases
        yield from _models(state)


def _models(state: StateFolder) -> Iterator[str]:
    try:
        with closing(ModelStates(state.work, read_only=True)) as models:
            found = models.all()
    except StorageError:
        return
    for model in found:
        if model.version and model.code in _HEALTHY_CODES:
            yield f"model {model.name}"


def _is_active(unit: str) -> bool:
    command = ["systemctl", "is-active", "--quiet", unit]
    try:
        return subprocess.run(command, check=False, timeout=_SECONDS).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _is_mounted(folder: Path) -> bool:
    """Whether it lies on a file system of its own that outlives a restart."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return is_on_disk(folder, lines)


def is_on_disk(folder: Path, mountinfo: Iterable[str]) -> bool:
    """Whether the folder's file system, by the lines of `mountinfo`, is a writable one on a disk.

    Not the system's own, which is read-only, and none that lives in memory: on either of them
    nothing that was received would be there after a restart.
    """
    kinds: dict[Path, str] = {}
    for line in mountinfo:
        before, _, after = line.partition(" - ")
        kinds[Path(before.split()[4])] = after.split()[0]
    places = (place for place in (folder, *folder.parents) if place in kinds)
    place = next(places, Path("/"))
    return place != Path("/") and kinds[place] not in _NOT_KEPT


def _uptime_s() -> float:
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
