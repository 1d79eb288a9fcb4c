"""How a wipe's plan and its end look on a terminal."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from appliance.cli.presentation import as_json, screen, table
from appliance.wipe.certificate import Status
from appliance.wipe.journal import Intent
from appliance.wipe.plan import Medium, Reach, Undelivered, WipePlan, size_text

_SHOWN_DIGITS: Final = 4
_STYLE: Final = {Status.PURGE: "bold green", Status.CLEAR: "bold green", Status.FAILED: "bold red"}


def plan_as_json(plan: WipePlan) -> None:
    """For programs; the serial number, which has to be typed, is not in it."""
    as_json({**dataclasses.asdict(plan), "serial": _hidden(plan.serial), "reach": plan.reach})


def show_plan(plan: WipePlan, out: Console) -> None:
    """Everything that will be gone, and everything that will not."""
    out.print("[bold]This destroys all patient data of this box. Nothing brings them back.[/bold]")
    out.print(f"{plan.site}; device …{plan.device_id[-16:]}; serial number {_hidden(plan.serial)}")
    out.print(_steps(plan))
    out.print(f"Best that can be reached here: [bold]{plan.reach}[/bold] ({_why(plan)})")
    out.print(_waiting(plan.undelivered))
    out.print("Outstanding, for people to destroy:")
    for each in plan.outstanding:
        out.print(f"  · {each.what}: {each.to_do}", markup=False)
    if not plan.destinations:
        out.print("The certificate stays on this machine: no stick, folder or printer is named.")
    for to in plan.destinations:
        out.print(f"The certificate goes to: {to.kind} {to.place}", markup=False, soft_wrap=True)


def _steps(plan: WipePlan) -> Table:
    shown = table("step", "what", "")
    for key in plan.keys:
        shown.add_row("destroy", key.what, key.path)
    for volume in plan.volumes:
        shown.add_row("destroy", "LUKS2 headers", f"{volume.device} ({volume.uuid})")
    for medium in plan.media:
        shown.add_row("erase" if medium.target else "keep", "medium", _medium(medium))
    for folder in plan.folders:
        shown.add_row("delete", "folder", folder)
    for file in plan.files:
        shown.add_row("delete", "file", file)
    shown.add_row("at the end", "the identity", plan.identity)
    for key in plan.last_keys:
        shown.add_row("at the end", key.what, key.path)
    if plan.clears_tpm:
        shown.add_row("at the end", "the TPM", "cleared")
    return shown


def show_end(folder: Path, intent: Intent, status: Status) -> None:
    """What came of it, and where the certificate lies."""
    out = screen()
    out.print(f"Status: [{_STYLE[status]}]{status}[/]")
    for file in sorted(folder.glob(f"osteon-wipe-{intent.wipe_id}*")):
        out.print(f"  {file}", soft_wrap=True, markup=False)


def _hidden(serial: str) -> str:
    """Its end: who types the whole must have read it elsewhere."""
    return f"ends in {serial[-_SHOWN_DIGITS:]}"


def _medium(medium: Medium) -> str:
    said = (medium.make, medium.model, medium.serial, size_text(medium.size))
    words = f"{medium.target or medium.disk}: {' '.join(part for part in said if part)}"
    if not medium.target:
        return f"{words}; the operating system stays on it"
    others = ", ".join(medium.shared_with)
    return f"{words}; shared with {others}, which stay" if others else words


def _why(plan: WipePlan) -> str:
    if plan.reach is Reach.PURGE:
        return "by the medium's own erase commands, if it has them"
    if any(medium.shared_with for medium in plan.media if medium.target):
        return "the medium is shared, so only our part of it is erased"
    if all(medium.target for medium in plan.media):
        return "the medium has no erase commands of its own that could be relied upon"
    return "a plain installation: keys and files go; flash may keep sealed copies"


def _waiting(waiting: Undelivered) -> str:
    if waiting.is_clear:
        return "Nobody waits for an alert."
    if waiting.messages is None:
        return "[bold red]Whether alerts are undelivered cannot be read.[/]"
    return (
        f"[bold red]Undelivered: {waiting.messages} messages; {waiting.studies} studies have no "
        "outcome yet.[/]"
    )
