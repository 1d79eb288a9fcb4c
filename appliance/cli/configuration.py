"""`osteon config`: an example to start from, and what may stand there."""

from __future__ import annotations

from typing import Final

import click

from appliance.cli.verbs import Verbs
from appliance.config.example import example_yaml
from appliance.config.json_schema import json_schema
from appliance.config.reference import reference

_VERBS: Final = {
    "check": "config_check:check",
    "diff": "config_diff:diff",
    "new-key": "new_key:new_key",
    "pin": "config_pin:pin",
    "sockets": "config_sockets:sockets",
}


@click.group("config", cls=Verbs, verbs=_VERBS)
def configuration() -> None:
    """The site YAML."""


@configuration.command("example")
def print_example() -> None:
    """Print a commented site YAML that works once its addresses are yours."""
    click.echo(example_yaml(), nl=False)


@configuration.command("schema")
def print_schema() -> None:
    """Print the JSON Schema with which an editor completes and underlines."""
    click.echo(json_schema(), nl=False)


@configuration.command("reference")
def print_reference() -> None:
    """Print what every key is for, what may stand there and what holds without it."""
    click.echo(reference(), nl=False)
