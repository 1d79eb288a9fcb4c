"""`osteon config`: an example to start from, and a check of what was written."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.options import config_option, site_of
from appliance.cli.presentation import screen
from appliance.config.example import example_yaml
from appliance.daemon.state import master_key_path
from appliance.sealing import MasterKey


@click.group("config")
def configuration() -> None:
    """The site YAML."""


@configuration.command("example")
def print_example() -> None:
    """Print a commented site YAML that works once its addresses are yours."""
    click.echo(example_yaml(), nl=False)


@configuration.command("check")
@config_option
def check(config: Path) -> None:
    """Read the site YAML and say everything that is wrong with it."""
    site = site_of(config)
    screen().print(f"{config}: right. AE title {site.dicom.ae_title}, port {site.dicom.port}.")


@configuration.command("new-key")
@config_option
def new_key(config: Path) -> None:
    """Make the master key that the site YAML names. Whoever loses it loses every study."""
    path = master_key_path(site_of(config))
    MasterKey.create(path)
    screen().print(f"{path}: made, mode 400.")
