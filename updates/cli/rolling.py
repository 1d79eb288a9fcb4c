"""`rollout`: which boxes get which signed pack, and when."""

from __future__ import annotations

import click
from rich.markup import escape

from appliance.cli.presentation import screen, table
from appliance.update.layout import Release
from appliance.update.rollout import Rollout, Wave
from appliance.update.times import to_iso
from updates.as_a_box import check_as_a_box
from updates.cli.desk import (
    Desk,
    dry_run_option,
    json_option,
    passphrase_option,
    workspace_option,
)
from updates.errors import PublishError
from updates.keys import Passphrase
from updates.online import current_rollout, put_rollout, put_timestamp
from updates.packs import published
from updates.rollouts import halted, parse_wave, recalled, started


@click.group()
def rollout() -> None:
    """Choose, halt or recall packs that are signed already."""


@rollout.command()
@click.argument("name")
@click.argument("version")
@click.option(
    "--wave",
    "waves",
    multiple=True,
    metavar="WHICH[@WHEN]",
    help="5%, 5%@2026-12-01T06:00Z, or device ids with commas; again for each further wave.",
)
@passphrase_option
@workspace_option
@dry_run_option
def start(  # noqa: PLR0913 - the options of a verb
    desk: Desk,
    name: str,
    version: str,
    *,
    waves: tuple[str, ...],
    passphrase: Passphrase,
    is_dry: bool,
) -> None:
    """Give a pack to the boxes of its waves; without --wave to all, now."""
    draft = desk.draft
    release = _release(published(draft, name), name, version)
    parsed = [parse_wave(wave, desk.now) for wave in waves or ("100%",)]
    after = started(current_rollout(draft), release, parsed)
    what = f"{name} {version} to {'; '.join(map(_words, parsed))}"
    _settle(desk, after, passphrase, what, is_dry=is_dry)


@rollout.command()
@click.argument("name")
@passphrase_option
@workspace_option
@dry_run_option
def halt(desk: Desk, name: str, *, passphrase: Passphrase, is_dry: bool) -> None:
    """Let no further box take that pack; who has it keeps it."""
    after = halted(current_rollout(desk.draft), name, is_halted=True)
    _settle(desk, after, passphrase, f"{name} halted", is_dry=is_dry)


@rollout.command()
@click.argument("name")
@passphrase_option
@workspace_option
@dry_run_option
def resume(desk: Desk, name: str, *, passphrase: Passphrase, is_dry: bool) -> None:
    """Go on with a halted rollout."""
    after = halted(current_rollout(desk.draft), name, is_halted=False)
    _settle(desk, after, passphrase, f"{name} goes on", is_dry=is_dry)


@rollout.command()
@click.argument("name")
@click.argument("version")
@passphrase_option
@workspace_option
@dry_run_option
def recall(desk: Desk, name: str, version: str, *, passphrase: Passphrase, is_dry: bool) -> None:
    """Let no box use that pack any more, wherever it runs. For good."""
    draft = desk.draft
    release = _release(published(draft, name), name, version)
    after = recalled(current_rollout(draft), release)
    _settle(desk, after, passphrase, f"{name} {version} recalled", is_dry=is_dry)


@rollout.command("show")
@workspace_option
@json_option
def show_rollout(desk: Desk, *, is_json: bool) -> None:
    """Show the rollout as it stands in the workspace."""
    now = current_rollout(desk.draft)
    if is_json:
        click.echo(now.to_json(), nl=False)
        return
    shown = table("pack", "version", "state", "digest", "waves")
    for name, pack in now.packs.items():
        state = "[yellow]halted" if pack.is_halted else "[green]rolling out"
        waves = "\n".join(map(_words, pack.waves))
        shown.add_row(name, pack.version, state, pack.digest[:12], waves)
    for digest in sorted(now.recalled):
        shown.add_row("", "", "[red]recalled", digest[:12], "")
    screen().print(shown)


def _settle(desk: Desk, after: Rollout, passphrase: Passphrase, what: str, *, is_dry: bool) -> None:
    draft, online = desk.draft, desk.online(passphrase)
    put_rollout(draft, after, online)
    put_timestamp(draft, online)
    check_as_a_box(draft)
    desk.settle(draft, "rollout", escape(what), is_dry=is_dry)


def _release(releases: dict[str, Release], name: str, version: str) -> Release:
    if version not in releases:
        known = ", ".join(releases) or "none"
        raise PublishError(f"{name} {version} is not published; known: {known}")
    return releases[version]


def _words(wave: Wave) -> str:
    which = f"{wave.percent:g} %"
    if wave.devices:
        which = ", ".join(device[:12] for device in sorted(wave.devices))
    return f"{which} from {to_iso(wave.not_before)}"
