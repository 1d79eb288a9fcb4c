"""`history`: who did what with this repository."""

from __future__ import annotations

import click
from rich.markup import escape

from appliance.cli.presentation import as_json, screen, table
from updates.cli.desk import Desk, json_option, workspace_option


@click.command()
@workspace_option
@json_option
def history(desk: Desk, *, is_json: bool) -> None:
    """Show everything that was done here, oldest first."""
    lines = list(desk.workspace.history())
    if is_json:
        as_json(lines)
        return
    shown = table("when", "by", "verb", "what")
    for line in lines:
        shown.add_row(*(escape(str(line[key])) for key in ("at", "by", "verb", "what")))
    screen().print(shown)
