"""`osteon config diff`: what the file on the disk would change on the running box."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.text import Text

from appliance.cli.options import config_option, json_option, site_of
from appliance.cli.presentation import as_json, screen
from appliance.config.changes import Change, Effect, awaiting_restart, changes
from appliance.config.schema import Site
from appliance.daemon.site_file import in_use
from appliance.daemon.supervise import ROLES

_DOES: Final = {
    Effect.RELOAD: "Nothing restarts",
    Effect.DELIVER: "The part that tells people restarts",
    Effect.SOCKETS: "The DICOM ports are opened anew, which ends open associations",
    Effect.BOX: "Every part of the box restarts",
}
_COMMANDS: Final = {
    Effect.RELOAD: "systemctl reload osteon.target",
    Effect.DELIVER: "systemctl reload osteon.target && systemctl restart osteon-deliver",
    Effect.SOCKETS: "systemctl daemon-reload && systemctl restart osteon.target",
    Effect.BOX: "systemctl restart osteon.target",
}


@click.command("diff")
@config_option
@json_option
def diff(config: Path, *, is_json: bool) -> None:
    """Show what the site YAML would change on the running box, key by key, and what restarts.

    Secrets are never shown. Exit status: 0 compared, whether or not something differs; 2 the site
    YAML has faults.
    """
    wanted = site_of(config)
    found = _differences(wanted)
    if is_json:
        as_json(
            {
                "roles": {
                    role: [asdict(change) for change in differing]
                    for role, differing in found.items()
                }
            }
        )
        return
    out = screen()
    if not found:
        out.print("No part of the box has worked with this state folder yet: nothing to compare.")
        return
    rows = _merged(found)
    if not rows:
        out.print("The running box uses exactly this.")
        return
    for effect in Effect:
        of_this = [(change, roles) for change, roles in rows if change.effect is effect]
        if of_this:
            out.print(Text(f"{_DOES[effect]}:", style="bold"), soft_wrap=True)
        for change, roles in of_this:
            only = f"  (only {', '.join(roles)} still differs)" if len(roles) < len(found) else ""
            out.print(Text(f"  {change.key}: {_words(change)}{only}"), soft_wrap=True)
    gravest = max((change.effect for change, _ in rows), key=list(Effect).index)
    out.print(f"\nTo put it into use: {_COMMANDS[gravest]}", soft_wrap=True)


def changes_to_use(wanted: Site) -> tuple[str, ...] | None:
    """What a site YAML would change on the running box, one line a key; None: nothing has run."""
    found = _differences(wanted)
    if not found:
        return None
    return tuple(f"{change.key}: {_words(change)}" for change, _ in _merged(found))


def _differences(wanted: Site) -> dict[str, tuple[Change, ...]]:
    """By role. What only a restart changes is held against what the role started with."""
    default = Site.model_fields["state_folder"].default
    found: dict[str, tuple[Change, ...]] = {}
    for role in ROLES:
        places = (Path(folder) for folder in (wanted.state_folder, default))
        used = next(filter(None, (in_use(place, role) for place in places)), None)
        if used is not None:
            at_once = [
                each for each in changes(used.applied, wanted) if each.effect is Effect.RELOAD
            ]
            found[role] = (*awaiting_restart(used.started, wanted), *at_once)
    return found


def _merged(found: dict[str, tuple[Change, ...]]) -> list[tuple[Change, list[str]]]:
    """Each change once, with the roles that it is a change for."""
    merged: dict[Change, list[str]] = {}
    for role, differing in found.items():
        for change in differing:
            merged.setdefault(change, []).append(role)
    return list(merged.items())


def _words(change: Change) -> str:
    if change.before == change.after:
        return f"changed {change.after}"
    if change.before is None:
        return f"{change.after} (new)"
    if change.after is None:
        return f"{change.before} (taken out)"
    return f"{change.before} -> {change.after}"
