"""`osteon technician`: one visit to the menu of the screen, by the socket that it was called on."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from appliance import journal
from appliance.audit.events import AuditEvent
from appliance.audit.report import report
from appliance.cli.first_boot import SIGNERS, identity_option, refused_option
from appliance.cli.options import config_option
from appliance.cli.technician.box import Box
from appliance.clock import SystemClock, set_local_zone
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError, UsageError
from appliance.ledger.codec import encode
from appliance.screen.items import Access, Item
from appliance.screen.line import Line
from appliance.screen.mounts import TABLE
from appliance.screen.session import Act, Dialogue, Entrance, Session
from appliance.screen.setting import setting_of
from appliance.screen.status import Setting
from appliance.wipe.journal import FOLDER, Journal

_ACTS: Final = {
    Item.CHECK: "checking:check",
    Item.PROVE: "checking:prove",
    Item.IMPORT: "sticks:import_configuration",
    Item.STUDIES: "studies:show",
    Item.TIMELINE: "studies:show_case",
    Item.ACKNOWLEDGE: "studies:acknowledge",
    Item.ACCEPT: "accepting:accept",
    Item.ROLL_BACK: "studies:roll_back",
    Item.SUPPORT_BUNDLE: "sticks:bundle",
    Item.HAND_OVER: "sticks:hand_over",
    Item.IDENTITY: "identity:show",
    Item.UPDATE: "updating:from_stick",
    Item.HISTORY: "updating:history",
    Item.GO_BACK: "going_back:go_back",
    Item.ENROL: "signers:enrol_signer",
    Item.WITHDRAW: "signers:withdraw_signer",
    Item.ROTATE_KEY: "records:rotate_key",
    Item.VERIFY: "records:verify",
    Item.WIPE: "wiping:wipe",
    Item.CERTIFICATE: "wiped:hand_out",
    Item.MAKE_NEW: "wiped:make_new",
}
"""`module:function` of this package; loaded when chosen, so that the PIN is asked for at once."""

RESET_UNIT: Final = Path("/usr/lib/systemd/system/image-factory-reset.service")
"""Only a box that was flashed has it."""
_WITHOUT_PIN: Final = {Setting.NONE: Access.NOT_SET_UP, Setting.CLOSED: Access.CLOSED}


@dataclass(frozen=True, slots=True)
class Noted:
    """What was done on a box that was wiped. at: seconds since 1970, UTC."""

    at: float
    event: AuditEvent


@click.command("technician", hidden=True)
@click.option(
    "--stick",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="A folder in place of a stick.",
)
@click.option("--signers", type=click.Path(path_type=Path), multiple=True, default=SIGNERS)
@click.option("--wipe-journal", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--reset-unit", type=click.Path(path_type=Path), default=RESET_UNIT)
@click.option("--table", type=click.Path(path_type=Path), default=TABLE)
@refused_option
@identity_option
@config_option
def technician(  # noqa: PLR0913 - the options of one command
    *,
    stick: Path | None,
    signers: tuple[Path, ...],
    wipe_journal: Path,
    reset_unit: Path,
    table: Path,
    refused: Path,
    identity: Path,
    config: Path,
) -> None:
    """Do what is chosen at the screen (used by osteon-technician@.service)."""
    journal.open_journal("technician")
    _, site, _ = setting_of(config, "deliver", table)
    if site is not None:
        set_local_zone(site.site.time_zone)
    wiped = Journal(wipe_journal.absolute())
    entrance = partial(_entrance, config, table, wiped, reset_unit)
    box = Box(
        config.absolute(),
        identity.absolute(),
        stick,
        signers,
        wipe_journal.absolute(),
        entrance().access,
        refused,
    )
    with _channel() as channel:
        Session(
            Dialogue(Line(channel)),
            entrance,
            partial(_act, box),
            partial(_record, config, table, wiped),
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


def _entrance(config: Path, table: Path, wiped: Journal, reset_unit: Path) -> Entrance:
    if wiped.has_ended:
        return Entrance(Access.WIPED_IMAGE if reset_unit.exists() else Access.WIPED)
    setting, site, _ = setting_of(config, "deliver", table)
    if setting in _WITHOUT_PIN:
        return Entrance(_WITHOUT_PIN[setting])
    if site is None or site.screen.pin_hash is None:
        return Entrance(Access.NO_PIN)
    return Entrance(Access.PIN, site.screen.pin_hash, StateFolder(Path(site.state_folder)).menu)


def _record(config: Path, table: Path, wiped: Journal, event: AuditEvent) -> bool:
    """Into the audit trail, or beside the record of the wipe that ended it; else False.

    The journal has it in any case.
    """
    try:
        if wiped.has_ended:
            wiped.note(encode(Noted(SystemClock().now(), event)))
            return True
        _, site, _ = setting_of(config, "deliver", table)
        if site is None:
            return False
        report(StateFolder(Path(site.state_folder)).access, event)
    except StorageError as error:
        journal.warn("audit-missed", kind=event.kind.value, code=error.code)
        return False
    return True
