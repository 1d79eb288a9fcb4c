"""`show`, `sign` and `accept`: a bundle on its way."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.presentation import screen
from updates.accepting import accept as accepted
from updates.bundle import Bundle
from updates.cli.contents import show_contents
from updates.cli.desk import (
    Desk,
    dry_run_option,
    passphrase_option,
    show_standings,
    workspace_option,
)
from updates.errors import PublishError
from updates.keys import Passphrase, open_signer

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.command()
@_file
def show(file: Path) -> None:
    """Say what a bundle would change, and who has signed it."""
    bundle = Bundle.read(file)
    show_contents(screen(), bundle)
    show_standings(screen(), bundle)


@click.command()
@_file
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    metavar="FILE|URI",
    help="Your private key: its file, or hsm:... in a token (PKCS #11); may be repeated.",
)
@click.option(
    "--public",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The public half of a key in a token.",
)
@click.option(
    "--packs-only",
    is_flag=True,
    help="Sign the packs, not yet the list of them, so that one more person can sign them too.",
)
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask whether you mean it.")
@passphrase_option
@workspace_option
@dry_run_option
def sign(  # noqa: PLR0913 - the options of a verb
    desk: Desk,
    file: Path,
    *,
    keys: tuple[str, ...],
    public: Path | None,
    passphrase: Passphrase,
    packs_only: bool,
    is_sure: bool,
    is_dry: bool,
) -> None:
    """Put your signature under all that your key may sign in a bundle."""
    bundle = Bundle.read(file)
    show_contents(screen(), bundle)
    if not (is_sure or is_dry):
        click.confirm("Is that what you mean to sign?", abort=True)
    logged = len(bundle.log)
    for key in keys:
        signer = open_signer(key, public, passphrase)
        keyid = signer.public_key.keyid
        if not (signed := bundle.sign(signer, packs_only=packs_only)):
            continue
        what = f"{bundle.holder(keyid)} signed {', '.join(signed)} (key {keyid[:8]})"
        screen().print(what)
        bundle.log.append(desk.entry("sign", what))
    if len(bundle.log) == logged:
        raise PublishError("you have signed all that you can by now; others must")
    if is_dry:
        screen().print("dry run: nothing was changed")
    else:
        bundle.write(file)
    show_standings(screen(), bundle)


@click.command()
@_file
@passphrase_option
@workspace_option
@dry_run_option
def accept(desk: Desk, file: Path, *, passphrase: Passphrase, is_dry: bool) -> None:
    """Take a fully signed bundle into the repository; `publish` then serves it."""
    bundle = Bundle.read(file)
    workspace = desk.workspace
    draft = accepted(workspace.repository, bundle, desk.online(passphrase), workspace.pieces)
    if not is_dry:
        desk.workspace.log(*bundle.log)
    what = ", ".join(
        f"{name} {document.signed.version}" if "/" not in name else name
        for name, document in bundle.documents.items()
    )
    desk.settle(draft, "accept", f"accepted {what}", is_dry=is_dry)
