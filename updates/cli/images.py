"""`lint-os` and `build-os`: from the output of `make image` to a bundle."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import Progress

from appliance.cli.presentation import screen, table
from updates.cli.desk import Desk, dry_run_option, workspace_option
from updates.image_building import build_image
from updates.images import BuiltImage, built_image

_folder = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))


@click.command("lint-os")
@_folder
def lint_os(folder: Path) -> None:
    """Look at the system image in FOLDER: signed, of one version, its root the one it starts."""
    _show(_linted(folder))
    screen().print("[green]sound")


@click.command("build-os")
@_folder
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The bundle that goes from hand to hand.",
)
@click.option(
    "--rollback-index",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help="Higher than the last one, where no box may go back behind this; else as the last one.",
)
@workspace_option
@dry_run_option
def build_os(
    desk: Desk, folder: Path, out: Path, rollback_index: int | None, *, is_dry: bool
) -> None:
    """Propose the system image in FOLDER; its pieces wait in the workspace until it is accepted."""
    console = screen()
    image = _linted(folder)
    _show(image)
    total = sum(place.stat().st_size for place in image.files.values())
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("cutting and compressing", total=total)
        made = build_image(
            image,
            desk.draft,
            None if is_dry else desk.workspace.pieces,
            rollback_index,
            desk.now,
            told=lambda count: progress.advance(task, count),
        )
    after = f"after {made.before}" if made.before else "the first of its name"
    console.print(f"{after}; to transfer: {made.transfer_bytes / 1e6:.0f} MB")
    what = f"{made.release.name} {made.release.version} {made.release.digest[:12]}"
    desk.hand_out(made.bundle, out, "build-os", what, is_dry=is_dry)


def _linted(folder: Path) -> BuiltImage:
    with screen().status(f"reading {folder}, each block against its hash"):
        return built_image(folder)


def _show(image: BuiltImage) -> None:
    shown = table("part", "MB", "partition")
    for part, place in image.files.items():
        size = f"{place.stat().st_size / 1e6:.1f}"
        shown.add_row(part.value, size, image.partitions.get(part, ""))
    screen().print(f"{image.name} {image.version}")
    screen().print(shown)
