"""`new-key` and `ceremony`: the beginning of a repository."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.presentation import screen, table
from appliance.update.layout import ROLLOUT_ROLE
from updates.bundle import Bundle
from updates.cli.desk import (
    Desk,
    ask,
    dry_run_option,
    passphrase_option,
    workspace_option,
)
from updates.errors import PublishError
from updates.founding import first_metadata
from updates.keys import Passphrase, holder_of, public_keys
from updates.keys import new_key as make_key
from updates.keys import token_key as take_over
from updates.roles import ROOT, RULES


@click.command("new-key")
@click.argument("role", type=click.Choice(tuple(RULES)))
@click.argument("holder")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    metavar="FOLDER",
    help="Where the two files go: the holder's own stick.",
)
@passphrase_option
def new_key(role: str, holder: str, out: Path, passphrase: Passphrase) -> None:
    """Make a key of ROLE for HOLDER: an encrypted private file and a public one."""
    if not holder.isidentifier():
        raise PublishError("the holder is one word: letters, digits, underscores")
    secret = passphrase(f"new passphrase for {role}.{holder}")
    if passphrase is ask and ask("the same again") != secret:
        raise PublishError("the two passphrases differ")
    private, public = make_key(out, role, holder, secret)
    screen().print(f"private (keep, two copies): {private}\npublic (hand over):         {public}")


@click.command("token-key")
@click.argument("role", type=click.Choice(tuple(RULES)))
@click.argument("holder")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    metavar="FOLDER",
    help="Where the public half goes.",
)
@click.option("--token", metavar="LABEL", help="Which token, where there is more than one.")
@passphrase_option
def token_key(role: str, holder: str, out: Path, token: str | None, passphrase: Passphrase) -> None:
    """Use a key (ECDSA P-256, id 2) that a hardware token made and holds (PKCS #11)."""
    uri, public = take_over(out, role, holder, token, passphrase)
    screen().print(f"sign with: --key '{uri}' --public {public}", soft_wrap=True)


@click.command()
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    metavar="FOLDER",
    help="The public halves of everybody's keys: ROLE.HOLDER.pub.json.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The bundle that goes from hand to hand.",
)
@workspace_option
@dry_run_option
def ceremony(desk: Desk, keys: Path, out: Path, *, is_dry: bool) -> None:
    """Propose the first root, targets and delegated roles; their holders then sign."""
    if desk.draft.version(ROOT):
        raise PublishError("this workspace has a repository already; see `rotate`")
    found = public_keys(keys)
    shown = table("role", "needs", "valid", "keys")
    for rule in RULES.values():
        holders = ", ".join(holder_of(key) for key in found.get(rule.name, ()))
        needs = f"{rule.threshold} of {rule.keys}"
        shown.add_row(rule.name, needs, f"{rule.days} d", holders or "[red]none")
    screen().print(shown)
    try:
        founded = first_metadata(found, desk.now)
    except ValueError as error:
        raise PublishError(str(error)) from None
    del founded[ROLLOUT_ROLE]  # signed online, when the bundle is accepted
    bundle = Bundle(dict(founded))
    desk.hand_out(bundle, out, "ceremony", "first root, targets, models and os", is_dry=is_dry)
