"""What every verb shares: the workspace, the time, how a change is shown or made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from appliance.cli.presentation import screen, table
from appliance.clock import Clock, SystemClock
from updates.bundle import Bundle
from updates.keys import Passphrase, passphrase_file
from updates.online import Online, online_signers
from updates.repository import Draft, rank
from updates.workspace import Workspace, entry

workspace_option = click.option(
    "-w",
    "--workspace",
    "desk",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    callback=lambda _context, _option, value: Desk(Workspace(value)),
    metavar="FOLDER",
    help="Repository, online keys and history; the current folder if left out.",
)
dry_run_option = click.option(
    "--dry-run", "is_dry", is_flag=True, help="Say what would be done, and do nothing."
)
passphrase_option = click.option(
    "--passphrase-file",
    "passphrase",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    callback=lambda _context, _option, value: passphrase_file(value) if value else ask,
    metavar="FILE",
    help="Its first line is the passphrase; without it you are asked.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="For programs.")


def ask(what: str) -> bytes:
    """Ask the person at the terminal; nothing is shown."""
    answer: str = click.prompt(what, hide_input=True, err=True)
    return answer.encode()


@dataclass(frozen=True, slots=True)
class Desk:
    """The release machine as a verb sees it."""

    workspace: Workspace
    clock: Clock = SystemClock()  # noqa: RUF009 - it has no state

    @property
    def now(self) -> datetime:
        """The time, with its zone."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    @property
    def draft(self) -> Draft:
        """The repository, to be changed."""
        return Draft(self.workspace.repository)

    def online(self, passphrase: Passphrase) -> Online:
        """The online keys; opened when first needed."""
        return Online(online_signers(self.workspace.online, passphrase), self.now)

    def entry(self, verb: str, what: str) -> dict[str, Any]:
        """A line for a log."""
        return entry(verb, what, self.now)

    def settle(self, draft: Draft, verb: str, what: str, *, is_dry: bool) -> None:
        """Write a finished draft and log it, or only show it."""
        files = sorted({**draft.added, **draft.moved}, key=rank)
        self.perform(draft.write, verb, what, files, is_dry=is_dry)

    def perform(
        self,
        act: Callable[[], object],
        verb: str,
        what: str,
        files: list[str],
        *,
        is_dry: bool,
    ) -> None:
        """Do it and log it, or only show it."""
        console = screen()
        console.print(what)
        if is_dry:
            for file in files:
                console.print(f"  would write {file}", soft_wrap=True)
            console.print("dry run: nothing was changed")
            return
        act()
        self.workspace.log(self.entry(verb, what))

    def hand_out(self, bundle: Bundle, file: Path, verb: str, what: str, *, is_dry: bool) -> None:
        """Write a new bundle, log it, and say who has to sign."""
        self.perform(lambda: bundle.write(file), verb, what, [str(file)], is_dry=is_dry)
        show_standings(screen(), bundle)


def show_standings(console: Console, bundle: Bundle) -> None:
    """Who has signed what, and who may still."""
    shown = table("to sign", "signatures", "signed by", "may still sign")
    for standing in bundle.standings():
        count = f"{len(standing.signed)} of {standing.threshold}"
        shown.add_row(
            standing.document,
            f"[green]{count}" if standing.is_complete else f"[yellow]{count}",
            ", ".join(standing.signed) or "-",
            ", ".join(standing.unsigned) or "-",
        )
    console.print(shown)
    if bundle.is_complete:
        console.print("complete: `osteon-publish accept` takes it into the repository")
