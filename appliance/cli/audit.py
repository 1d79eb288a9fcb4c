"""`osteon audit`: who did what on this box, and whether that record is whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from appliance.audit.chain import Verdict
from appliance.audit.events import AuditEvent, AuditKind
from appliance.audit.reader import TrailReader
from appliance.audit.trail import verify as verify_trail
from appliance.audit.witness import read_witness
from appliance.cli.audited import audited
from appliance.cli.options import config_option, json_option, site_in_use
from appliance.cli.presentation import as_json, screen, table, warn
from appliance.daemon.access_role import PUBLIC_KEY
from appliance.daemon.state import StateFolder, state_folder
from appliance.errors import StorageError
from appliance.signing import public_key

_NEWEST: Final = 50


@click.group()
def audit() -> None:
    """Read the audit trail, and prove that nobody touched it."""


@audit.command("list")
@click.option(
    "--newest",
    default=_NEWEST,
    show_default=True,
    help="How many entries.",
    type=click.IntRange(min=1),
)
@config_option
@json_option
def list_verb(newest: int, config: Path, *, is_json: bool) -> None:
    """Show the newest entries. That you looked is an entry too."""
    state = state_folder(site_in_use(config))
    audited(state.access, AuditEvent(AuditKind.AUDIT_READ, "", detail="list"))
    reader = TrailReader(state.access)
    last = reader.new()[-newest:]
    if is_json:
        as_json(
            [
                {
                    "number": each.number,
                    "at": each.at,
                    "kind": each.kind,
                    "actor": each.actor,
                    "subject": each.subject,
                    "detail": each.detail,
                    "success": each.is_success,
                }
                for each in last
            ]
        )
        return
    shown = table("no.", "time (UTC)", "what", "who", "about", "details")
    for each in last:
        details = each.detail if each.is_success else f"{each.detail} (refused)".strip()
        at = each.at.replace("T", " ")[:19]
        shown.add_row(str(each.number), at, each.kind, each.actor, each.subject, details)
    screen().print(shown)
    if reader.is_broken:
        warn("This trail was altered: see `osteon audit verify`.")


@audit.command()
@click.option(
    "--public-key",
    "key_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The device's public key (PEM) from your own safe copy; left out: the one on this box.",
)
@config_option
@json_option
def verify(key_file: Path | None, config: Path, *, is_json: bool) -> None:
    """Check that no entry was altered, dropped or put in another order."""
    state = state_folder(site_in_use(config))
    audited(state.access, AuditEvent(AuditKind.AUDIT_READ, "", detail="verify"))
    verdict = verified(state, key_file)
    if is_json:
        as_json(
            {
                "whole": verdict.is_whole,
                "entries": verdict.count,
                "signed": verdict.sealed,
                "fault": verdict.fault,
            }
        )
    else:
        screen().print(said_of(verdict), soft_wrap=True)
        if not verdict.is_whole:
            screen().print(f"Keep the folder {state.access} for whoever looks into it.")
    sys.exit(0 if verdict.is_whole else 1)


def verified(state: StateFolder, key_file: Path | None = None) -> Verdict:
    """Whether the trail is whole, by the box's own public key where no other one is given.

    Raises:
        StorageError: `audit-key-missing`, and others of the disk.
    """
    keys = (public_key(_pem(key_file or state.access / PUBLIC_KEY)),)
    return verify_trail(state.access, keys, read_witness(state.deliver))


def said_of(verdict: Verdict) -> str:
    """The same for a person."""
    if verdict.is_whole:
        rest = verdict.count - verdict.sealed
        return f"The trail is whole: {verdict.count} entries, all but {rest} signed."
    return f"THE TRAIL IS NOT WHOLE, {verdict.fault}. The {verdict.count} entries before that hold."


def _pem(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StorageError("audit-key-missing", f"{file}: {error.strerror}") from None
