"""`osteon config sockets`: what osteon-generator writes, so that the port has one truth."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.options import config_option
from appliance.config.socket_units import socket_units
from appliance.daemon.site_file import read_or_fall_back

_WANTED_BY = "osteon.target.wants"


@click.command("sockets")
@config_option
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Write them there, as a systemd generator does, instead of showing them.",
)
def sockets(config: Path, folder: Path | None) -> None:
    """Show the systemd socket units that the site YAML stands for.

    Where the file has faults, those of the last good copy, with which the receiver starts too.
    """
    units = socket_units(read_or_fall_back(config, "receive").site.dicom)
    if folder is None:
        click.echo("\n".join(f"# {name}\n{text}" for name, text in units.items()), nl=False)
        return
    wanted = folder / _WANTED_BY
    wanted.mkdir(exist_ok=True)
    for name, text in units.items():
        (folder / name).write_text(text, encoding="utf-8")
        (wanted / name).symlink_to(f"../{name}")
