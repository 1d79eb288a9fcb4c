"""Run the demo: `make demo`. Exit status 0 when every study ended as it had to, else 1."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.panel import Panel

from tests.demo.cast import CANARY, Performer, cast
from tests.demo.downloads import real_images
from tests.demo.stage import Stage, open_stage
from tests.demo.timeline import Row, drawn

console = Console(highlight=False)

WARNING = (
    "Investigational, not for diagnosis. The CT is LIDC-IDRI-0087 (CC BY 3.0); this patient also "
    "served in training, with another rib broken. Both breaks are simulated. The radiograph RG3 "
    "served in no training."
)


OUTPUT = "OSTEON_DEMO_OUTPUT"
"""Environment variable: a folder to keep the pages and pictures in."""


def main() -> int:
    """Prepare, play, and tell how it went."""
    console.print(Panel(WARNING, title="Osteon demo"))
    output = Path(os.environ.get(OUTPUT) or tempfile.mkdtemp(prefix="osteon-demo-"))
    with ExitStack() as stack:
        # A folder of its own: the printer's socket needs a short path.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="od")))
        with console.status("real images: one download of 50 MB, then cached"):
            images = real_images()
        performers: list[Performer] = []
        with console.status("") as status:
            for performer in cast(images, folder / "studies"):
                performers.append(performer)
                status.update(f"study {len(performers)} of 5: {performer.title}")
        with console.status("starting Osteon, a mail server, a printer and a PACS"):
            stage = open_stage(stack, folder)
        rows = [Row(performer) for performer in performers]
        with Live(drawn(rows), console=console, refresh_per_second=5) as live:
            for row in rows:
                stage.play(row, lambda: live.update(drawn(rows)))
        console.print()
        faults = show_results(stage, rows, output)
    if faults:
        for fault in faults:
            console.print(f"[bold red]fault:[/] {fault}")
        console.print("[bold red]DEMO FAILED")
        return 1
    console.print("[bold green]DEMO PASSED")
    return 0


def show_results(stage: Stage, rows: list[Row], output: Path) -> list[str]:
    """Print mails, paths and pictures; return what is wrong."""
    output.mkdir(parents=True, exist_ok=True)
    for mail in stage.mail.messages:
        body = str(mail.get_content()).strip()
        console.print(Panel(f"{body}", title=str(mail["Subject"]), title_align="left"))
    for number, page in enumerate(stage.pages(), start=1):
        pdf = output / f"page-{number}.pdf"
        pdf.write_bytes(page)
        subprocess.run(
            ["pdftoppm", "-png", "-r", "80", "-singlefile", pdf, pdf.with_suffix("")], check=True
        )
        console.print(
            f"printed page {number}: {pdf} (as a picture: {pdf.with_suffix('.png')})",
            soft_wrap=True,
        )
    for path in stage.save_results(output):
        console.print(f"result in the PACS: {path}", soft_wrap=True)
    return list(stage.faults(rows, CANARY))


if __name__ == "__main__":
    sys.exit(main())
