"""`publish`, `refresh` and `export-usb`: the repository to where boxes find it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
from rich.progress import track

from appliance.cli.presentation import screen
from updates.as_a_box import check_as_a_box
from updates.cli.desk import Desk, dry_run_option, passphrase_option, workspace_option
from updates.keys import Passphrase
from updates.online import current_rollout, put_rollout, put_timestamp
from updates.publishing import export, unpublished
from updates.repository import rank, write_files
from updates.roles import USB_DAYS

_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.command()
@_folder
@workspace_option
@dry_run_option
def publish(desk: Desk, folder: Path, *, is_dry: bool) -> None:
    """Bring the repository to FOLDER, which any web server serves; the timestamp goes last."""
    missing = unpublished(desk.workspace.repository, folder)
    files = sorted(missing, key=rank)
    size = sum(map(len, missing.values()))
    what = f"published {len(files)} files, {size / 1e6:.2f} MB, to {folder}"

    def write() -> None:
        show = partial(track, description="writing", console=screen(), transient=True)
        write_files(folder, missing, show)

    desk.perform(write, "publish", what, files, is_dry=is_dry)


@click.command()
@passphrase_option
@workspace_option
@dry_run_option
def refresh(desk: Desk, *, passphrase: Passphrase, is_dry: bool) -> None:
    """Sign rollout, snapshot and timestamp anew, before they end; then `publish`. Every day."""
    draft, online = desk.draft, desk.online(passphrase)
    put_rollout(draft, current_rollout(draft), online)
    put_timestamp(draft, online)
    check_as_a_box(draft)
    desk.settle(draft, "refresh", "rollout, snapshot and timestamp anew", is_dry=is_dry)


@click.command("export-usb")
@_folder
@passphrase_option
@workspace_option
@dry_run_option
def export_usb(desk: Desk, folder: Path, *, passphrase: Passphrase, is_dry: bool) -> None:
    """Write the repository to a stick, with a timestamp that holds for longer."""
    contents, after = export(desk.workspace.repository, desk.online(passphrase))
    what = f"exported to {folder}, valid for {USB_DAYS} days"

    def write() -> None:
        after.write()  # first: the stick's number is taken, even if the stick is full
        write_files(folder, contents)

    desk.perform(write, "export-usb", what, sorted(contents, key=rank), is_dry=is_dry)
    screen().print("now `publish`, so that the server is not behind the stick")
