"""`renew`, `rotate` and `revoke`: the same keys for longer, or others."""

from __future__ import annotations

from pathlib import Path

import click

from updates.cli.desk import Desk, dry_run_option, workspace_option
from updates.keys import holder_of, public_keys
from updates.roles import RULES
from updates.rotating import Exchange, exchange
from updates.rotating import renew as renewed

_out = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The bundle that goes from hand to hand.",
)
_add = click.option(
    "--add",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="The public halves of the new keys: ROLE.HOLDER.pub.json.",
)


_stop_packs = click.option(
    "--stop-packs",
    is_flag=True,
    help="Even where boxes then have too few signatures for a pack, and stop using it.",
)


@click.command()
@click.argument("roles", nargs=-1, required=True, type=click.Choice(tuple(RULES)))
@_out
@workspace_option
@dry_run_option
def renew(desk: Desk, roles: tuple[str, ...], out: Path, *, is_dry: bool) -> None:
    """Propose the same content of ROLES for as long again."""
    bundle = renewed(desk.draft, roles, desk.now)
    desk.hand_out(bundle, out, "renew", ", ".join(roles), is_dry=is_dry)


@click.command()
@click.argument("role", type=click.Choice(tuple(RULES)))
@click.option("--remove", "removed", multiple=True, metavar="HOLDER|KEYID", help="Its old key.")
@_add
@_out
@_stop_packs
@workspace_option
@dry_run_option
def rotate(  # noqa: PLR0913 - the options of a verb
    desk: Desk,
    role: str,
    removed: tuple[str, ...],
    add: Path | None,
    out: Path,
    *,
    stop_packs: bool,
    is_dry: bool,
) -> None:
    """Propose other keys for one ROLE."""
    added = {role: public_keys(add).get(role, [])} if add else {}
    wanted = Exchange(removed, added, (role,), stop_packs)
    bundle = exchange(desk.draft, wanted, desk.now)
    names = [f"-{each}" for each in removed] + [f"+{holder_of(key)}" for key in added.get(role, ())]
    desk.hand_out(bundle, out, "rotate", f"{role} {' '.join(names)}", is_dry=is_dry)


@click.command()
@click.argument("keys", nargs=-1, required=True, metavar="HOLDER|KEYID...")
@_add
@_out
@_stop_packs
@workspace_option
@dry_run_option
def revoke(  # noqa: PLR0913 - the options of a verb
    desk: Desk,
    keys: tuple[str, ...],
    add: Path | None,
    out: Path,
    *,
    stop_packs: bool,
    is_dry: bool,
) -> None:
    """Propose to trust a lost or stolen key nowhere any more, in whatever role it stands."""
    wanted = Exchange(keys, public_keys(add) if add else {}, stops_packs=stop_packs)
    bundle = exchange(desk.draft, wanted, desk.now)
    desk.hand_out(bundle, out, "revoke", ", ".join(keys), is_dry=is_dry)
