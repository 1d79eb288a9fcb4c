"""`osteon manual`: writes the generated pages; `make docs` calls it."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.manual import pages


@click.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
def manual(folder: Path) -> None:
    """Write the generated files of the manual below FOLDER, such as `provisioning`."""
    for name, text in pages().items():
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
