"""How values look on a terminal: times, tables, complaints."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.domain import Outcome
from appliance.error_catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.errors import OsteonError

OUTCOME_STYLE: Final = {
    Outcome.ALERT: "bold white on red",
    Outcome.NOT_ANALYSED: "bold yellow",
    Outcome.BELOW_THRESHOLD: "green",
    Outcome.NOT_FOR_THIS_BOX: "dim",
}


def screen() -> Console:
    """Where people read."""
    return Console(highlight=False)


def as_json(value: object) -> None:
    """One JSON document on standard output, for programs."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def local_time(seconds: float) -> str:
    """Wall time as the technician's clock shows it."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%m-%d %H:%M:%S")


def iso_time(seconds: float) -> str:
    """Wall time for programs."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def outcome_text(outcome: Outcome | None, state: str, *, is_phantom: bool = False) -> Text:
    """The outcome in its colour, or the state while there is none yet; a test says so first."""
    if is_phantom:
        return Text(f"TEST: {outcome or state}", style="dim")
    if outcome is None:
        return Text(state, style="cyan")
    return Text(outcome.value, style=OUTCOME_STYLE[outcome])


def table(*columns: str) -> Table:
    """An empty table in the house style: only the last column may break its lines."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    *fixed, last = columns
    for column in fixed:
        made.add_column(column, no_wrap=True)
    made.add_column(last, overflow="fold")
    return made


def warn(words: str) -> None:
    """Say something on standard error that keeps nothing from working."""
    text = Text.assemble(("warning: ", "bold yellow"), words)
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)


def complain(error: OsteonError) -> None:
    """Say on standard error what happened, what it means and what to do."""
    console = Console(stderr=True, highlight=False)
    # Never wrapped: a place such as `site.yaml:12:3` must stay whole for editors and for grep.
    faults = _faults(error)
    said = f"{error.code}: {len(faults)} to mend" if faults else str(error)
    console.print(Text.assemble(("error: ", "bold red"), said), soft_wrap=True)
    for fault in faults:
        console.print(Text(f"  {fault}"), soft_wrap=True)
    explanation = CATALOGUE.get(error.code)
    if explanation is not None:
        console.print(Text.assemble(("  meaning: ", "bold"), explanation.meaning), soft_wrap=True)
        console.print(Text.assemble(("  to do:   ", "bold"), explanation.hint), soft_wrap=True)


def _faults(error: OsteonError) -> Sequence[object]:
    faults = getattr(error, "faults", ())
    return faults if isinstance(faults, tuple) else ()
