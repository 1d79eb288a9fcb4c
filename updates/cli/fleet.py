"""`fleet`: who runs what, who is late, who went back and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape

from appliance.cli.presentation import as_json, screen, table
from updates.cli.desk import Desk, json_option, workspace_option
from updates.fleet import Standing, devices, rows, told
from updates.online import current_rollout

_COLOUR = {
    Standing.FORGED: "bold red",
    Standing.SILENT: "yellow",
    Standing.NO_MODEL: "bold red",
    Standing.REVERTED: "red",
    Standing.LATE: "yellow",
    Standing.TROUBLE: "yellow",
    Standing.UNDER_WAY: "cyan",
    Standing.UP_TO_DATE: "green",
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--devices",
    "keys",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="The boxes' public keys, NAME.pem: only what they signed is believed.",
)
@workspace_option
@json_option
def fleet(desk: Desk, folder: Path, keys: Path, *, is_json: bool) -> None:
    """Show what the boxes say of themselves in the statuses of FOLDER, the worst first."""
    known = devices(keys)
    statuses = told(sorted(folder.glob("*.json")), known)
    found = rows(known, statuses, current_rollout(desk.draft), desk.now.timestamp())
    if is_json:
        as_json([asdict(row) for row in found])
        return
    shown = table("box", "pack", "runs", "standing", "why")
    for row in found:
        colour = _COLOUR[row.standing]
        shown.add_row(
            escape(row.box), row.pack, row.version, f"[{colour}]{row.standing}", escape(row.why)
        )
    screen().print(shown)
    counts = Counter(row.standing for row in found)
    screen().print(", ".join(f"{counts[each]} {each}" for each in Standing if counts[each]))
