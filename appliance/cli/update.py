"""`osteon update`: whether there is anything newer, fetching it, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from appliance.audit.events import AuditEvent, AuditKind
from appliance.cli.audited import audited
from appliance.cli.options import config_option, json_option, site_in_use
from appliance.cli.presentation import as_json, screen, table, warn
from appliance.cli.verbs import Verbs
from appliance.clock import SystemClock
from appliance.config.schema import Site
from appliance.daemon.device_key import signer_of
from appliance.daemon.state import StateFolder
from appliance.daemon.updating import Done, UpdateUnit
from appliance.errors import UsageError
from appliance.update.check import Look
from appliance.update.choice import Choice, Stand
from appliance.update.due import is_due
from appliance.update.fetching import Amount
from appliance.update.times import to_iso

_VERBS: Final = {
    "history": "update_record:history",
    "os": "os_updates:os_group",
    "rollback": "rollback:rollback",
    "status": "update_record:status",
}
_DAY_S: Final = 86_400.0
_LOOKED_AT: Final = 200
_WORDS: Final = {
    Stand.WANTED: "new for this box",
    Stand.IN_USE: "in use",
    Stand.LATER: "not yet for this box",
    Stand.HALTED: "halted by the maker",
    Stand.RECALLED: "recalled",
    Stand.DENIED: "failed here before",
    Stand.FOREIGN: "not used on this box",
    Stand.OLDER: "older than what runs",
}

from_option = click.option(
    "--from",
    "stick",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A mounted stick or another folder, in place of the source of the site YAML.",
)


@click.group("update", cls=Verbs, verbs=_VERBS)
def update() -> None:
    """Newer models and systems: signed by the maker, tried on this box before they are kept."""


@update.command("check")
@from_option
@config_option
@json_option
def check(stick: Path | None, config: Path, *, is_json: bool) -> None:
    """Look whether there is something new. Fetches no model."""
    site = site_in_use(config)
    look = UpdateUnit(site, SystemClock(), stick).look(signer_of(site))
    if is_json:
        as_json(_found(look))
    else:
        show_look(look, screen())


@update.command("apply")
@from_option
@click.option("--when-due", is_flag=True, help="Do nothing before it is time (for the timer).")
@config_option
@json_option
def apply(stick: Path | None, config: Path, *, when_due: bool, is_json: bool) -> None:
    """Fetch what is new and hand it over for its trial on this box.

    What runs goes on meanwhile. Exit status 1: something was refused, or could not be fetched.
    """
    site, clock = site_in_use(config), SystemClock()
    unit = UpdateUnit(site, clock, stick)
    if when_due and not _is_time(unit, site, clock.now()):
        return
    signer = signer_of(site)
    if is_json or when_due:
        done = unit.bring_up_to_date(signer, _silent)
    else:
        done = _with_progress(unit, site)
    if is_json:
        as_json(_result(done))
    else:
        show_look(done.look, screen())
        show_done(done, screen())
        if done.receipt is not None:
            screen().print(f"A signed receipt for the maker lies at {done.receipt}", soft_wrap=True)
    if done.refused:
        raise done.refused[0].error


@update.command("reset-floor")
@click.option("--by", required=True, metavar="NAME", help="Who answers for it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; no patient data.")
@config_option
@json_option
def reset_floor(by: str, reason: str, config: Path, *, is_json: bool) -> None:
    """Begin the record of what this box has seen anew, where it was lost.

    A new box does not need this: its record begins with the identity. Afterwards the box cannot
    know by itself whether a repository is older than what it had seen.
    """
    if not by.strip() or not reason.strip():
        raise UsageError("update-floor-unexplained")
    site = site_in_use(config)
    unit = UpdateUnit(site, SystemClock())
    is_tied = unit.reset_floor(signer_of(site), by.strip(), reason.strip())
    begun = AuditEvent(AuditKind.CONFIGURATION_CHANGED, "", "update floor", "begun anew")
    audited(StateFolder(Path(site.state_folder)).access, begun)
    if is_json:
        as_json({"begun": True, "tied_to_tpm": is_tied})
        return
    tied = "tied to the TPM's counter" if is_tied else "without a TPM's counter beside it"
    screen().print(f"The record begins anew, {tied}. Now: `osteon update check`.")


def _is_time(unit: UpdateUnit, site: Site, now: float) -> bool:
    entries = unit.history.newest(_LOOKED_AT)
    return unit.is_configured and is_due(entries, now, 3600.0 * site.update.check_hours)


def _with_progress(unit: UpdateUnit, site: Site) -> Done:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=screen()) as progress:
        tasks: dict[str, Any] = {}

        def report(amount: Amount) -> None:
            if amount.name not in tasks:
                tasks[amount.name] = progress.add_task(amount.name, total=amount.total)
            progress.update(tasks[amount.name], completed=amount.done)

        return unit.bring_up_to_date(signer_of(site), report)


def _silent(_amount: Amount) -> None:
    """For who reads JSON, and for the journal."""


def show_look(look: Look, out: Console) -> None:
    """What a check has found, and how old it is."""
    fresh = look.client.freshness
    out.print(_age(look), soft_wrap=True)
    if look.client.now > SystemClock().now():
        warn("this box's clock is behind what the maker has signed; set it")
    out.print(f"metadata {fresh.timestamp}, valid until {to_iso(fresh.expires)}")
    shown = table("model", "version", "")
    for choice in look.choices:
        shown.add_row(choice.name, choice.version, _word(choice, look))
    out.print(shown if look.choices else "The maker has rolled out no model.")
    if look.os is not None:
        out.print(f"system {look.os.version}: {_plain_word(look.os)}")


def _age(look: Look) -> str:
    fresh = look.client.freshness
    if not fresh.issued:
        return "signed by the maker; it does not say when"
    days = (look.client.now - fresh.issued) / _DAY_S
    return f"signed by the maker on {to_iso(fresh.issued)}, {max(days, 0):.1f} days ago"


def _word(choice: Choice, look: Look) -> str:
    if choice.stand is Stand.WANTED and choice not in look.outstanding:
        return "here, on its trial"
    return _plain_word(choice)


def _plain_word(choice: Choice) -> str:
    return f"{_WORDS[choice.stand]}{f': {choice.reason}' if choice.reason else ''}"


def show_done(done: Done, out: Console) -> None:
    """What became of each model and system that is wanted here."""
    refused = {refusal.choice: refusal.error for refusal in done.refused}
    for choice in done.look.outstanding:
        error = refused.get(choice)
        said = "fetched; its trial begins" if error is None else f"refused: {error}"
        out.print(f"{choice.name} {choice.version}: {said}", soft_wrap=True)
    system = done.look.os if done.look.wants_os else None
    if system is not None:
        error = refused.get(system)
        said = (
            "is here; it is installed while no study is there"
            if error is None
            else (f"refused: {error}")
        )
        out.print(f"{system.name} {system.version} {said}", soft_wrap=True)
    elif not done.look.outstanding:
        out.print("Nothing to fetch.")


def _found(look: Look) -> dict[str, object]:
    fresh = look.client.freshness
    return {
        "metadata": fresh.timestamp,
        "issued": to_iso(fresh.issued) if fresh.issued else None,
        "expires": to_iso(fresh.expires),
        "packs": [asdict(choice) for choice in look.choices],
        "outstanding": [choice.name for choice in look.outstanding],
        "os": asdict(look.os) if look.os else None,
        "recalled": sorted(look.offers.recalled),
    }


def _result(done: Done) -> dict[str, object]:
    return {
        **_found(done.look),
        "refused": [
            {"name": each.choice.name, "version": each.choice.version, "code": each.error.code}
            for each in done.refused
        ],
        "receipt": done.receipt,
    }
