"""`osteon version`: what runs here, with the versions that a regulator asks for."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

import click

import appliance
from appliance.cli.options import json_option
from appliance.cli.presentation import as_json, screen, table
from appliance.errors import PackError
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack

_LIBRARIES = ("openvino", "onnxruntime", "pydicom", "pynetdicom", "highdicom", "tink", "tuf")


@click.command()
@click.option(
    "--packs",
    type=click.Path(path_type=Path),
    default=Path("/usr/share/osteon/models"),
    show_default=True,
    metavar="FOLDER",
    help="Folder of model packs.",
)
@json_option
def version(packs: Path, *, is_json: bool) -> None:
    """Show the versions of the product, its models and the libraries that compute."""
    models = [_model(place.parent) for place in sorted(packs.glob("*/pack.yaml"))]
    libraries = {name: metadata.version(name) for name in _LIBRARIES}
    if is_json:
        as_json(
            {
                "osteon": appliance.__version__,
                "python": platform.python_version(),
                "models": models,
                "libraries": libraries,
            }
        )
        return
    out = screen()
    out.print(f"Osteon {appliance.__version__} (Python {platform.python_version()})")
    out.print("Investigational, not for diagnosis.\n")
    shown = table("model", "version", "manifest", "signature")
    for model in models:
        shown.add_row(model["name"], model["version"], model["digest"][:16], model["signature"])
    out.print(shown if models else f"no model pack in {packs}")
    shown = table("library", "version")
    for name, number in libraries.items():
        shown.add_row(name, number)
    out.print(shown)


def _model(folder: Path) -> dict[str, str]:
    try:
        identity = open_pack(folder, Trust.shipped()).identity
    except PackError as error:
        return {"name": folder.name, "version": "", "digest": "", "signature": error.code}
    return {
        "name": identity.name,
        "version": identity.version,
        "digest": identity.digest,
        "signature": "development key",
    }
