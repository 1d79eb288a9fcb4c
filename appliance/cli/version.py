"""`osteon version`: what runs here, as a regulator asks for it; a screen, JSON, or an SBOM."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final

import click
from rich.console import Console

import appliance
from appliance.acceptance import Acceptance, AcceptanceFile, Standing, standing
from appliance.cli.build import content_hash, revision
from appliance.cli.options import config_option, json_option
from appliance.cli.presentation import as_json, iso_time, local_time, screen, table, warn
from appliance.cli.sbom import Model, bill_of_materials, installed
from appliance.clock import SystemClock
from appliance.config.load import load_site
from appliance.config.schema import Packs, Site
from appliance.daemon.packs.places import pack_in_use, uses
from appliance.daemon.state import StateFolder
from appliance.domain import ModelIdentity
from appliance.errors import ConfigError, PackError, StorageError
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.pack_schema import OperatingPoint
from appliance.inference.package import open_pack
from appliance.ledger.models import ModelState, ModelStates
from appliance.update.slots import Slot
from appliance.update.slots_file import SLOTS, read_slots

_LIBRARIES: Final = ("openvino", "onnxruntime", "pydicom", "pynetdicom", "highdicom", "tink", "tuf")


@dataclass(frozen=True, slots=True)
class _Model:
    """A pack that reads here, or why it cannot; how this site stands to it, and its updates."""

    name: str
    identity: ModelIdentity | None
    fault: str
    state: ModelState | None
    point: OperatingPoint | None = None
    standing: Standing = Standing.UNJUDGED
    acceptance: Acceptance | None = None
    slot: Slot | None = None
    licence: str | None = None


@click.command()
@config_option
@click.option(
    "--packs",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of model packs, instead of the site YAML's.",
)
@click.option("--sbom", "is_sbom", is_flag=True, help="Everything installed, as CycloneDX JSON.")
@json_option
def version(config: Path, packs: Path | None, *, is_sbom: bool, is_json: bool) -> None:
    """Show the versions of the product, its models and the libraries that compute.

    Works without a site YAML too; with one it also shows how each model ran here lately.
    """
    site = _site(config)
    models = _judged(_folder_models(packs, site) if packs or not site else _models(site), site)
    if is_sbom:
        known = [Model(each.identity, each.licence) for each in models if each.identity]
        as_json(bill_of_materials(installed(), known, content_hash(), SystemClock().now()))
    elif is_json:
        as_json(
            {
                "osteon": appliance.__version__,
                "build": content_hash(),
                "revision": revision() or None,
                "python": platform.python_version(),
                "acceptance": _in_all(models),
                "models": [_as_plain(each) for each in models],
                "libraries": {name: metadata.version(name) for name in _LIBRARIES},
            }
        )
    else:
        _show(screen(), models)


def _show(out: Console, models: list[_Model]) -> None:
    out.print(f"Osteon {appliance.__version__} (Python {platform.python_version()})")
    out.print("Investigational, not for diagnosis.")
    out.print(f"Build:      {content_hash()}", soft_wrap=True)
    out.print(f"Revision:   {revision() or 'not recorded in this build'}", soft_wrap=True)
    out.print(f"Acceptance: {_in_all(models)}\n")
    for model in models:
        _show_model(out, model)
    if not models:
        out.print("No model pack in the folder.\n")
    shown = table("library", "version")
    for name in _LIBRARIES:
        shown.add_row(name, metadata.version(name))
    out.print(shown)


def _show_model(out: Console, model: _Model) -> None:
    if model.identity is None:
        out.print(f"Model {model.name}: cannot be used: {model.fault}", soft_wrap=True)
        out.print(f"  update:     {_slot_line(model.slot)}\n" if model.slot else "", soft_wrap=True)
        return
    out.print(f"Model {model.identity.name} {model.identity.version}")
    out.print(f"  manifest:   {model.identity.digest}", soft_wrap=True)
    out.print("  signed by:  development key")
    out.print(f"  acceptance: {model.standing.value}")
    if model.acceptance is not None:
        out.print(f"              {_what_for(model.acceptance)}", soft_wrap=True)
    if model.slot is not None:
        out.print(f"  update:     {_slot_line(model.slot)}", soft_wrap=True)
    state = model.state
    if state is None or state.ran_at is None:
        out.print("  ran on:     no reading on this box yet\n")
        return
    out.print(f"  ran on:     {state.runtime}, {state.device}, last {local_time(state.ran_at)}")
    out.print(f"  trouble:    {state.code} {state.detail}\n" if state.code else "")


def _as_plain(model: _Model) -> dict[str, object]:
    identity, state = model.identity, model.state
    return {
        "name": model.name,
        "version": identity.version if identity else "",
        "digest": identity.digest if identity else "",
        "licence": model.licence,
        "signature": "development key" if identity else model.fault,
        "acceptance": model.standing.value,
        "acceptance_by": model.acceptance.by if model.acceptance else "",
        "acceptance_at": iso_time(model.acceptance.at) if model.acceptance else None,
        "acceptance_set": model.acceptance.set_digest if model.acceptance else "",
        "acceptance_figures": dict(model.acceptance.figures) if model.acceptance else {},
        "runtime": state.runtime if state else "",
        "device": state.device if state else "",
        "ran_at": iso_time(state.ran_at) if state and state.ran_at is not None else None,
        "trouble": state.code if state else "",
        "slot": None if model.slot is None else _plain_slot(model.slot),
    }


def _plain_slot(slot: Slot) -> dict[str, object]:
    return {
        "state": slot.state,
        "since": iso_time(slot.since),
        "previous": slot.previous.version if slot.previous else "",
        "candidate": slot.candidate.version if slot.candidate else "",
        "set_back": slot.setback.version if slot.setback else "",
        "reason": slot.setback.reason if slot.setback else "",
    }


def _slot_line(slot: Slot) -> str:
    """Where an update stands, in one line."""
    told = [f"{slot.state} since {local_time(slot.since)}"]
    if slot.candidate:
        told.append(f"on trial {slot.candidate.version}")
    if slot.previous:
        told.append(f"kept {slot.previous.version}")
    if slot.setback:
        told.append(f"set back {slot.setback.version} ({slot.setback.reason})")
    return "; ".join(told)


def _in_all(models: list[_Model]) -> str:
    """One line for the whole product."""
    accepted = sum(model.standing is Standing.ACCEPTED for model in models)
    return f"{accepted} of {len(models)} models accepted by this site"


def _what_for(acceptance: Acceptance) -> str:
    """When, by whom, and on how much."""
    exams = acceptance.fractured + acceptance.intact
    told = (
        f"{words} {value:.2f}"
        for words, key in (
            ("sensitivity", "sensitivity-alert"),
            ("specificity", "specificity-alert"),
        )
        if (value := acceptance.figures[key][0]) is not None
    )
    when = iso_time(acceptance.at)[:10]
    return f"{when} by {acceptance.by}; {exams} exams: {', '.join(told)}, at the alert point"


def _judged(models: list[_Model], site: Site | None) -> list[_Model]:
    """Each with what this site has said of it."""
    if site is None:
        return models
    thresholds = {use.name: use.alert_threshold for use in site.packs.use}
    try:
        kept = AcceptanceFile(Path(site.state_folder)).read()
    except StorageError as error:
        warn(f"{error.code}: what this site accepted and refused is not known")
        return models
    return [_judged_one(model, kept, thresholds.get(model.name)) for model in models]


def _judged_one(model: _Model, kept: Sequence[Acceptance], threshold: float | None) -> _Model:
    if model.identity is None or model.point is None:
        return model
    alert = model.point.alert if threshold is None else max(model.point.report, threshold)
    said, acceptance = standing(kept, model.identity, alert)
    return replace(model, standing=said, acceptance=acceptance)


def _site(config: Path) -> Site | None:
    """None where there is none that can be used: the versions are shown all the same."""
    try:
        return load_site(config)
    except ConfigError:
        return None


def _folder_models(packs: Path | None, site: Site | None) -> list[_Model]:
    """What lies in a folder, whatever this box uses."""
    folder = packs or Path((site.packs if site else Packs()).folder)
    trust = Trust.shipped()
    names = sorted(place.parent.name for place in folder.glob("*/pack.yaml"))
    return [_model(name, partial(open_pack, folder / name, trust)) for name in names]


def _models(site: Site) -> list[_Model]:
    """What this box reads with: the packs of its slots."""
    states, slots = _states(site), _slots(site)
    return [
        replace(
            _model(use.name, partial(pack_in_use, site, use.name)),
            state=states.get(use.name),
            slot=slots.get(use.name),
        )
        for use in uses(site)
    ]


def _model(name: str, open_it: Callable[[], Pack]) -> _Model:
    try:
        pack = open_it()
    except (PackError, StorageError) as error:
        return _Model(name, None, error.code, None)
    spec = pack.spec
    return _Model(name, pack.identity, "", None, spec.operating_point, licence=spec.licence)


def _slots(site: Site) -> Mapping[str, Slot]:
    try:
        return read_slots(StateFolder(Path(site.state_folder)).analyse / SLOTS)
    except StorageError as error:
        warn(f"{error.code}: which models are on trial is not known")
        return {}


def _states(site: Site) -> dict[str, ModelState]:
    """How each pack ran on this box; nothing where the analyser has not run yet."""
    try:
        ledger = ModelStates(StateFolder(Path(site.state_folder)).work, read_only=True)
    except StorageError:
        return {}
    try:
        return {each.name: each for each in ledger.all()}
    finally:
        ledger.close()
