"""`osteon wipe`: shows what it will destroy, asks, destroys, and hands out a certificate."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from appliance.audit.events import AuditEvent, AuditKind
from appliance.cli.audited import audited
from appliance.cli.first_boot import identity_option
from appliance.cli.options import config_option, json_option, site_of
from appliance.cli.presentation import screen
from appliance.cli.wipe_certificate import sign_order, verify_certificate
from appliance.cli.wipe_places import takers_of
from appliance.cli.wipe_plan import Box, gather_plan, printer_destination
from appliance.cli.wipe_shown import plan_as_json, show_end, show_plan
from appliance.clock import SystemClock, set_local_zone
from appliance.config.schema import Site
from appliance.daemon.state import StateFolder
from appliance.errors import OsteonError, UsageError, WipeError
from appliance.provision.identity import open_signer
from appliance.provision.keyseal import SYSTEM_SEALS
from appliance.signing import DeviceSigner
from appliance.wipe import order as orders
from appliance.wipe.certificate import Status
from appliance.wipe.consent import check_alerts, check_serial
from appliance.wipe.journal import FOLDER, Authority, Intent, Journal
from appliance.wipe.phases import Tools, go_through
from appliance.wipe.plan import Destination, WipePlan
from appliance.wipe.processes import BoxProcesses
from appliance.wipe.programs import Programs, SystemPrograms

_ID_BYTES: Final = 4
_SCREEN: Final = "osteon-screen.service"
_SCREEN_SECONDS: Final = 10.0
_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@click.group(invoke_without_command=True)
@click.option("--plan", "is_plan", is_flag=True, help="Show what would be destroyed, and stop.")
@click.option("--resume", "is_resume", is_flag=True, help="Go on with a wipe that has begun.")
@click.option(
    "--order",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A signed order, in place of the serial number.",
)
@click.option("--serial", metavar="NUMBER", help="The serial number, in place of typing it.")
@click.option("--operator", default="", metavar="NAME", help="Who wipes.")
@click.option("--title", default="", help="Their position, for the certificate.")
@click.option("--organisation", default="", help="Whom they work for, for the certificate.")
@click.option("--media-destination", default="", help="What happens to the disks afterwards.")
@click.option(
    "--override-undelivered",
    default="",
    metavar="NAME",
    help="Who takes it on that alerts are undelivered; stands in the certificate.",
)
@click.option(
    "--volume",
    "volumes",
    multiple=True,
    metavar="DEVICE",
    help="A LUKS2 volume of this box that is not mounted.",
)
@click.option(
    "--to",
    "folders",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    metavar="FOLDER",
    help="A folder that gets the certificate.",
)
@click.option("--stick", "is_stick", is_flag=True, help="A stick labelled OSTEON gets it.")
@click.option("--print", "printers", multiple=True, metavar="PRINTER", help="A printer gets it.")
@click.option(
    "--signers",
    type=click.Path(path_type=Path),
    default=orders.SIGNERS,
    show_default=True,
    metavar="FILE",
    help="Public keys (PEM) of who may order.",
)
@click.option(
    "--journal",
    "folder",
    type=click.Path(path_type=Path),
    default=FOLDER,
    show_default=True,
    metavar="FOLDER",
    help="Where intent and certificate are kept; stays.",
)
@identity_option
@config_option
@json_option
@click.pass_context
def wipe(  # noqa: PLR0913 - the options of one command
    context: click.Context,
    *,
    is_plan: bool,
    is_resume: bool,
    order: Path | None,
    serial: str | None,
    operator: str,
    title: str,
    organisation: str,
    media_destination: str,
    override_undelivered: str,
    volumes: tuple[str, ...],
    folders: tuple[Path, ...],
    is_stick: bool,
    printers: tuple[str, ...],
    signers: Path,
    folder: Path,
    identity: Path,
    config: Path,
    is_json: bool,
) -> None:
    """Destroy all patient data of this box, for good, and certify how far that came.

    Without --plan it asks for the serial number. There is no way back once it has begun.
    """
    if context.invoked_subcommand is not None:
        return
    journal = Journal(folder.absolute())
    if is_resume:
        _resume(journal)
        return
    if journal.intent() is not None:
        raise WipeError("wipe-begun")
    if journal.has_ended:
        raise WipeError("wipe-done", str(journal.folder))
    site = site_of(config)
    destinations = (
        *(Destination("folder", str(place.resolve())) for place in folders),
        *((Destination("stick", ""),) if is_stick else ()),
        *(printer_destination(site, name) for name in printers),
    )
    box = Box(config.absolute(), site, identity.absolute(), journal.folder)
    plan = gather_plan(box, volumes, destinations, SystemPrograms())
    if is_json and is_plan:
        plan_as_json(plan)
        return
    show_plan(plan, screen())
    if is_plan:
        return
    if order is not None:
        authority = _by_order(order, signers, plan)
    else:
        said = Authority(
            "console", operator, title, organisation, media_destination, override_undelivered
        )
        authority = _by_console(said, serial, plan)
    on_record(site, authority, plan)
    _begin(journal, authority, plan)


def on_record(site: Site, authority: Authority, plan: WipePlan) -> None:
    """The trail goes too; where the hospital has one of its own, this line is in it."""
    begun = AuditEvent(AuditKind.WIPE, "", plan.device_id[:16], f"begun by {authority.kind}")
    audited(StateFolder(Path(site.state_folder)).access, begun)


def _by_console(said: Authority, serial: str | None, plan: WipePlan) -> Authority:
    if not said.operator.strip():
        raise WipeError("wipe-operator-missing")
    check_alerts(plan, said.overridden_by)
    if serial is None and not sys.stdin.isatty():
        raise UsageError("wipe-serial-missing")
    typed = serial or click.prompt("To destroy all this for good, type the serial number")
    check_serial(typed, plan)
    return said


def _by_order(file: Path, signers: Path, plan: WipePlan) -> Authority:
    order = orders.read_order(file, orders.enrolled(signers))
    orders.check(order, plan.device_id, SystemClock().now())
    check_alerts(plan, order.overridden_by)
    return Authority(
        "order",
        order.operator,
        order.title,
        order.organisation,
        order.media_destination,
        order.overridden_by,
        order.nonce,
    )


def _begin(journal: Journal, authority: Authority, plan: WipePlan) -> None:
    with journal.locked():
        _go(journal, decided(journal, authority, plan))


def decided(journal: Journal, authority: Authority, plan: WipePlan) -> Intent:
    """The point of no return: whoever resumes it, and be it the next boot, will wipe.

    journal: locked. Raises WipeError and StorageError; then nothing has happened.
    """
    if journal.intent() is not None:
        raise WipeError("wipe-begun")
    if authority.nonce:
        journal.use_once(authority.nonce)
    intent = Intent(secrets.token_hex(_ID_BYTES), SystemClock().now(), authority, plan)
    journal.begin(intent)
    return intent


def _resume(journal: Journal) -> None:
    with journal.locked():
        intent = journal.intent()
        if intent is None:
            raise WipeError("wipe-not-begun")
        _go(journal, intent)


def _go(journal: Journal, intent: Intent) -> None:
    # A line that drops, or a person who changes their mind, ends nothing any more.
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    plan, programs, clock = intent.plan, SystemPrograms(), SystemClock()
    set_local_zone(plan.time_zone)
    has_units = plan.is_installed and Path("/run/systemd/system").is_dir()
    tools = Tools(
        programs=programs,
        clock=clock,
        units=BoxProcesses(plan.folders, programs, clock, has_units=has_units),
        open_signer=_signer_of(plan),
        takers=takers_of(plan),
        say=_say,
    )
    status = go_through(journal, intent, tools)
    with suppress(OSError):
        show_end(journal.folder, intent, status)
    if has_units:
        _bring_the_screen_back(programs)
    if status is Status.FAILED:
        raise WipeError("wipe-failed")


def _bring_the_screen_back(programs: Programs) -> None:
    """Where there is one: it was ended with all the rest, and says what the box is now."""
    if programs.run(["systemctl", "is-enabled", _SCREEN], _SCREEN_SECONDS).is_done:
        programs.run(["systemctl", "--no-block", "start", _SCREEN], _SCREEN_SECONDS)


def _signer_of(plan: WipePlan) -> Callable[[], DeviceSigner | None]:
    def open_it() -> DeviceSigner | None:
        try:
            signer = open_signer(Path(plan.identity), SYSTEM_SEALS)
        except (OsteonError, OSError):
            return None
        return signer if signer.device_id == plan.device_id else None

    return open_it


def _say(words: str) -> None:
    """Nobody may be there to read it any more."""
    try:
        screen().print(f"· {words}", soft_wrap=True, markup=False)
    except OSError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end


wipe.add_command(verify_certificate)
wipe.add_command(sign_order)
