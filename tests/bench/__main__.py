"""Run every measurement and print the table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tests.bench import keeping, reading, receiving, rolling_back, studies, wiping


def main() -> None:
    """Measure; rows appear as they come."""
    table = Table("measured on this machine", "figure", "required")
    with tempfile.TemporaryDirectory(prefix="ob") as name, Live(table, console=Console()):
        for part in (receiving, keeping, reading, studies, rolling_back, wiping):
            folder = Path(name) / part.__name__.rpartition(".")[2]
            folder.mkdir()
            for row in part.measure(folder):
                table.add_row(*row)


if __name__ == "__main__":
    main()
