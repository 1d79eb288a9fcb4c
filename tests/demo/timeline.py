"""The live table of the demo: one row a study, one column a step."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from appliance.cli.presentation import outcome_text
from appliance.domain import Outcome
from tests.demo.cast import Performer

STEPS = {
    "received": "got",
    "complete": "whole",
    "analysed": "read",
    "reported": "done",
    "mailed": "mail",
    "printed": "page",
    "in PACS": "PACS",
}
"""Steps and their headings, short so that the table fits into 80 columns."""


@dataclass
class Row:
    """What is known of one study so far. `seconds`: step → seconds since its last image arrived."""

    performer: Performer
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    state: str = "waiting"
    note: str = ""

    @property
    def is_right(self) -> bool:
        """Whether it ended as it had to."""
        return self.outcome is self.performer.ends_as


def drawn(rows: list[Row]) -> Table:
    """The table as it is now."""
    title = "seconds after the last image was durable, at each step"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("study, and how it ended", overflow="fold", min_width=30)
    for heading in STEPS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        cells = [f"{row.seconds[step]:.1f}" if step in row.seconds else "" for step in STEPS]
        table.add_row(Text.assemble(row.performer.title, "\n  ", _ending(row)), *cells)
    return table


def _ending(row: Row) -> Text:
    text = outcome_text(row.outcome, row.state)
    if row.outcome is not None and not row.is_right:
        text.append(f" WRONG, expected {row.performer.ends_as.value}", style="bold red")
    return text
