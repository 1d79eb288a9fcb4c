"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from appliance.cli.presentation import warn
from appliance.config.load import load_site
from appliance.config.schema import Site
from appliance.daemon.site_file import read_or_fall_back

_DEFAULT: Final = Path("/etc/osteon/site.yaml")

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=_DEFAULT,
    show_default=True,
    metavar="FILE",
    help="The site YAML.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="For programs.")


def site_of(config: Path) -> Site:
    """The site YAML's content; all of its faults at once when it has any."""
    return load_site(config)


def site_in_use(config: Path) -> Site:
    """The site YAML, or what the running box goes on with while that file is broken.

    Somebody must be able to acknowledge an alert while a technician edits.
    """
    reading = read_or_fall_back(config, "deliver")
    if reading.refusal is not None:
        warn(f"{config} is broken; this is the box as it runs. See `osteon config check`.")
    return reading.site
