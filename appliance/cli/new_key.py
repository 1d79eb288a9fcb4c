"""`osteon config new-key`: the master key."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.options import config_option, site_of
from appliance.cli.presentation import screen
from appliance.daemon.state import master_key_path
from appliance.sealing import MasterKey


@click.command("new-key")
@config_option
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make it there, whatever the site YAML says (the installer, which seals it at once).",
)
def new_key(config: Path, file: Path | None) -> None:
    """Make the master key that the site YAML names. Whoever loses it loses every study."""
    path = file or master_key_path(site_of(config))
    MasterKey.create(path)
    screen().print(f"{path}: made, mode 400.")
