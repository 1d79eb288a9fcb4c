"""`osteon key rotate`: another key wraps the studies' keysets, while the box works."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from appliance.audit.events import AuditEvent, AuditKind
from appliance.cli.audited import audited
from appliance.cli.options import config_option, site_in_use
from appliance.cli.presentation import screen
from appliance.clock import Clock, SystemClock
from appliance.config.schema import Site
from appliance.daemon.state import key_home, state_folder
from appliance.errors import StorageError
from appliance.keyring import KeyRing
from appliance.ledger.intake import IntakeLedger
from appliance.provision.key_home import HAND_OVER, KeyFile, KeyRotation

_WAIT_S: Final = 300
_LOOK_S: Final = 0.5


@click.group()
def key() -> None:
    """The master key."""


@key.command("rotate")
@config_option
@click.option(
    "--wait",
    default=_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long the receiver may take to wrap every study anew.",
)
def rotate(config: Path, wait: int) -> None:
    """Make a new wrapping key and retire the former one. The box goes on working meanwhile.

    What was broken off goes on when the command is given again. Every copy of the former key then
    opens nothing that the box has now: make a new safe copy.
    """
    site, out = site_in_use(config), screen()
    ring = rotated(site, wait, lambda line: out.print(line, soft_wrap=True))
    audited(state_folder(site).access, rotation_event(ring))


def rotated(site: Site, wait: float, say: Callable[[str], None]) -> KeyRing:
    """Rotate, or go on with a rotation that was broken off; the ring with its former keys.

    say: is told what is done, a line at a time. wait: seconds that the receiver may take.

    Raises:
        StorageError: `key-rotation-waits`, `master-key-missing`, `master-key-unsealable`, and
            others of the disk and the ledger.
    """
    home = key_home(site)
    rotation = KeyRotation(home, None if isinstance(home, KeyFile) else HAND_OVER)
    with (
        closing(IntakeLedger(state_folder(site).intake, read_only=True)) as intake,
        rotation.alone(),
    ):
        ring = rotation.begin()
        say(f"New key {ring.primary:08x} is in place; the receiver wraps every study by it.")
        _await(intake, ring.primary, wait, SystemClock())
        rotation.finish(ring)
    former = ", ".join(f"{number:08x}" for number in ring.former)
    say(f"Done. Former key retired: {former}. Copies of it open nothing here any more.")
    return ring


def rotation_event(ring: KeyRing, actor: str = "") -> AuditEvent:
    """For the trail."""
    return AuditEvent(AuditKind.KEY_ROTATED, actor, f"{ring.primary:08x}")


def _await(intake: IntakeLedger, primary: int, seconds: float, clock: Clock) -> None:
    never = threading.Event()
    end = clock.monotonic() + seconds
    while intake.lives.sole_wrapping_key() != primary:
        if clock.monotonic() >= end:
            raise StorageError("key-rotation-waits", "the receiver has not said that it is done")
        clock.wait(never, _LOOK_S)
