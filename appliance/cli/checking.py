"""`osteon check`: whether the box works, at once (live) and all the way (`--end-to-end`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text

from appliance import journal
from appliance.checks.journey import travel
from appliance.checks.probe import Surroundings
from appliance.checks.result import CheckResult, CheckState, worst
from appliance.checks.run import probes, run
from appliance.cli.options import config_option, json_option, site_of
from appliance.cli.presentation import as_json, screen, table
from appliance.clock import SystemClock
from appliance.errors import StorageError
from appliance.provision.last_check import CheckKind, keep_last_check

_STYLE: Final = {
    CheckState.OK: "green",
    CheckState.WARNING: "bold yellow",
    CheckState.FAILED: "bold white on red",
    CheckState.SKIPPED: "dim",
}
_STATUS: Final = {CheckState.FAILED: 1, CheckState.WARNING: 3}
WITHIN_S: Final = 180.0
"""How long the phantom may take."""

Report = list[CheckResult | None]
"""By place; None while it is not known."""


@click.command("check")
@config_option
@click.option(
    "--end-to-end",
    "is_end_to_end",
    is_flag=True,
    help="Send a phantom through the running box, to a test mail and a test page.",
)
@click.option(
    "--within",
    "within_s",
    type=click.FloatRange(min=1, max=3600),
    default=WITHIN_S,
    show_default=True,
    metavar="SECONDS",
    help="How long the phantom may take.",
)
@json_option
def check(config: Path, within_s: float, *, is_end_to_end: bool, is_json: bool) -> None:
    """Look at everything that the box needs, without sending or printing anything.

    With --end-to-end: a made-up study goes through the running box, and those whom an alert would
    reach first get a test mail and a test page, marked as such.

    Exit status: 0 all is well; 1 something failed; 2 the site YAML is wrong; 3 warnings only.
    """
    around = Surroundings(site_of(config), SystemClock())
    journal.to_nowhere()
    if is_end_to_end:
        names: list[str] = []
        places: Iterator[tuple[int, CheckResult]] = enumerate(travel(around, within_s))
    else:
        wanted = probes(around)
        names = [probe.name for probe in wanted]
        places = run(wanted, around.clock)
    results = _collected(places) if is_json else _shown(names, places)
    kind = CheckKind.END_TO_END if is_end_to_end else CheckKind.LIVE
    is_kept = keep(around, kind, results)
    state = worst(results)
    if is_json:
        as_json({"state": state, "results": [asdict(result) for result in results]})
    else:
        _say(state, results)
        if not is_kept:
            screen().print("Not kept for the hand-over sheet: for that, run it as root.")
    sys.exit(_STATUS.get(state, 0))


def keep(around: Surroundings, kind: CheckKind, results: Sequence[CheckResult]) -> bool:
    """Keep it for the hand-over sheet; whoever may look at the box may not always write there."""
    told = [(result.name, result.state.value) for result in results]
    try:
        keep_last_check(Path(around.site.state_folder), kind, around.clock.now(), told)
    except StorageError:
        return False
    return True


def _collected(places: Iterator[tuple[int, CheckResult]]) -> list[CheckResult]:
    return [result for _, result in sorted(places, key=lambda each: each[0])]


def _shown(names: Sequence[str], places: Iterator[tuple[int, CheckResult]]) -> list[CheckResult]:
    """The same, in a table that fills while the results come."""
    report: Report = [None for _ in names]
    console = screen()
    with Live(_table(names, report), console=console, refresh_per_second=4) as live:
        for place, result in places:
            report[place : place + 1] = [result]
            live.update(_table(names, report))
    if not console.is_terminal:
        console.line()  # which `Live` leaves out there
    return [result for result in report if result is not None]


def _table(names: Sequence[str], report: Report) -> Table:
    shown = table("", "what", "s", "found, and what to do")
    for place, result in enumerate(report):
        if result is None:
            shown.add_row(Text("...", style="cyan"), names[place], "", "")
            continue
        found = Text(result.found)
        if result.hint:
            found.append(f"\nto do: {result.hint}", style="bold")
        state = Text(result.state.value, style=_STYLE[result.state])
        shown.add_row(state, result.name, f"{result.seconds:.1f}", found)
    return shown


def _say(state: CheckState, results: Sequence[CheckResult]) -> None:
    count = sum(result.state is state for result in results)
    match state:
        case CheckState.FAILED:
            words = f"{count} failed."
        case CheckState.WARNING:
            words = f"Works, with {count} warnings."
        case _:
            words = "All is well."
    screen().print(Text(words, style=_STYLE[state]))
