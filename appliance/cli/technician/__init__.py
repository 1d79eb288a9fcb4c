"""`osteon technician`: one visit to the menu of the screen, by the socket that it was called on."""

from __future__ import annotations

import socket
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from appliance import journal
from appliance.audit.events import AuditEvent
from appliance.audit.report import report
from appliance.cli.first_boot import SIGNERS, identity_option
from appliance.cli.options import config_option
from appliance.cli.technician.box import Box
from appliance.clock import SystemClock, set_local_zone
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError, UsageError
from appliance.screen.items import Access, Item
from appliance.screen.line import Line
from appliance.screen.session import Act, Dialogue, Entrance, Session
from appliance.screen.setting import setting_of
from appliance.screen.status import Setting
from appliance.wipe.journal import FOLDER

_ACTS: Final = {
    Item.CHECK: "checking:check",
    Item.IMPORT: "sticks:import_configuration",
    Item.STUDIES: "studies:show",
    Item.ACKNOWLEDGE: "studies:acknowledge",
    Item.ROLL_BACK: "studies:roll_back",
    Item.SUPPORT_BUNDLE: "sticks:bundle",
    Item.HAND_OVER: "sticks:hand_over",
    Item.IDENTITY: "identity:show",
    Item.WIPE: "wiping:wipe",
}
"""`module:function` of this package; loaded when chosen, so that the PIN is asked for at once."""


@click.command("technician", hidden=True)
@click.option(
    "--stick",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="A folder in place of a stick.",
)
@click.option("--signers", type=click.Path(path_type=Path), multiple=True, default=SIGNERS)
@click.option("--wipe-journal", type=click.Path(path_type=Path), default=FOLDER)
@identity_option
@config_option
def technician(
    stick: Path | None,
    signers: tuple[Path, ...],
    wipe_journal: Path,
    identity: Path,
    config: Path,
) -> None:
    """Do what is chosen at the screen (used by osteon-technician@.service)."""
    journal.open_journal("technician")
    _, site, _ = setting_of(config, "deliver")
    if site is not None:
        set_local_zone(site.site.time_zone)
    entrance = partial(_entrance, config)
    box = Box(
        config.absolute(),
        identity.absolute(),
        stick,
        signers,
        wipe_journal.absolute(),
        takes_unsigned=entrance().access is not Access.NO_PIN,
    )
    with _channel() as channel:
        Session(
            Dialogue(Line(channel)),
            entrance,
            partial(_act, box),
            partial(_record, config),
            SystemClock(),
        ).run()


def _act(box: Box, item: Item) -> Act:
    module, _, name = _ACTS[item].partition(":")
    return partial(getattr(import_module(f"{__name__}.{module}"), name), box)


def _channel() -> socket.socket:
    """Standard input is the connection: systemd took it and started this for it."""
    try:
        channel = socket.socket(fileno=sys.stdin.fileno())
    except OSError:
        raise UsageError("menu-uncalled") from None
    if (channel.family, channel.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        raise UsageError("menu-uncalled")
    return channel


def _entrance(config: Path) -> Entrance:
    setting, site, _ = setting_of(config, "deliver")
    if setting is Setting.NONE:
        return Entrance(Access.NOT_SET_UP)
    if site is None or site.screen.pin_hash is None:
        return Entrance(Access.NO_PIN)
    return Entrance(Access.PIN, site.screen.pin_hash, StateFolder(Path(site.state_folder)).menu)


def _record(config: Path, event: AuditEvent) -> bool:
    """Into the audit trail, where one is kept; the journal has it in any case."""
    _, site, _ = setting_of(config, "deliver")
    if site is None:
        return False
    try:
        report(StateFolder(Path(site.state_folder)).access, event)
    except StorageError as error:
        journal.warn("audit-missed", kind=event.kind.value, code=error.code)
        return False
    return True
