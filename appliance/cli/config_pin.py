"""`osteon config pin`: the hash of a PIN, for the site YAML."""

from __future__ import annotations

import sys

import click

from appliance.config.pin import FEWEST, MOST, hash_of


@click.command("pin")
def pin() -> None:
    """Ask for a PIN for the menu at the box, and print the lines that the site YAML needs.

    6 to 12 digits. The PIN is shown nowhere and kept nowhere. A program may send it as one line to
    standard input.
    """
    if sys.stdin.isatty():
        typed = click.prompt(
            f"PIN, {FEWEST} to {MOST} digits", hide_input=True, confirmation_prompt=True, err=True
        )
    else:
        typed = sys.stdin.readline()
    click.echo(f'screen:\n  pin_hash: "{hash_of(typed.strip())}"')
