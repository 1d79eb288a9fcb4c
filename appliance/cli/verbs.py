"""Verbs whose modules are loaded only when they are used.

A role must not load every other verb's libraries, and osteon-generator must be quick.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Verbs(click.Group):
    """A group of commands that are named by `module:function` below `appliance.cli`."""

    def __init__(self, *positional: Any, verbs: Mapping[str, str], **named: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*positional, **named)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See `click.Group.list_commands`."""
        return sorted({*super().list_commands(ctx), *self._verbs})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See `click.Group.get_command`."""
        place = self._verbs.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"appliance.cli.{module}"), name)
        return command
