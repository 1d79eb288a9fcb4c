"""`fleet`: who runs what."""

from __future__ import annotations

import click


@click.command()
def fleet() -> None:
    """Show who runs what."""
