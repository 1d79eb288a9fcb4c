"""`lint` and `build`: from a folder of `models/` to a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.presentation import screen, table
from updates.building import build as built
from updates.bundle import manifest_document
from updates.cli.desk import Desk, dry_run_option, workspace_option
from updates.errors import PublishError
from updates.pack_manifest import pack_files
from updates.packs import RUNTIMES, attempt
from updates.packs import lint as linted

_folder = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))


@click.command()
@_folder
@workspace_option
def lint(desk: Desk, folder: Path) -> None:
    """Open a pack as a box would and pass its golden cases on every runtime."""
    pack, faults = linted(folder, pack_files(folder))
    console = screen()
    console.print(f"{pack.identity.name} {pack.identity.version} {pack.identity.digest[:12]}")
    shown = table("runtime", "slowest", "golden cases")
    for runtime in RUNTIMES:
        with console.status(f"golden cases by {runtime}"):
            trial = attempt(pack, runtime, desk.clock)
        shown.add_row(runtime, f"{trial.slowest_s:.2f} s", trial.fault or "[green]passed")
        if trial.fault:
            faults.append(f"{runtime}: {trial.fault}")
    console.print(shown)
    if faults:
        raise PublishError("; ".join(faults))
    console.print("[green]sound")


@click.command()
@_folder
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The bundle that goes from hand to hand.",
)
@workspace_option
@dry_run_option
def build(desk: Desk, folder: Path, out: Path, *, is_dry: bool) -> None:
    """Propose a pack: opened, tried, its version held against the last published one."""
    console = screen()
    with console.status(f"opening {folder}, and reading golden cases with it and the last one"):
        made = built(folder, desk.draft, desk.now)
    if made.before is None:
        console.print("the first of its name")
    else:
        changed = ", ".join(made.verdict.changes) or "nothing that the version rules name"
        console.print(f"changed since {made.before}: {changed}")
    console.print(f"to transfer: {made.transfer_bytes / 1e6:.2f} MB")
    what = f"{manifest_document(made.release)} {made.release.digest[:12]}"
    desk.hand_out(made.bundle, out, "build", what, is_dry=is_dry)
