"""`osteon update status` and `history`: how the models stand on this box, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from appliance.cli.options import config_option, json_option, site_in_use
from appliance.cli.presentation import as_json, local_time, screen, table
from appliance.clock import SystemClock
from appliance.daemon.updating import UpdateUnit
from appliance.update.due import trouble
from appliance.update.history import Entry, Happening, History
from appliance.update.offers import read_offers
from appliance.update.os.machine import running_image
from appliance.update.os.record_file import read_record
from appliance.update.slots_file import SLOTS, read_slots
from appliance.update.times import from_iso

_NEWEST: Final = 30
_LOOKED_AT: Final = 500
_DIGITS: Final = 12


@click.command("status")
@config_option
@json_option
def status(config: Path, *, is_json: bool) -> None:
    """Show which versions read, are kept, are on trial or are offered, and the last checks."""
    unit = UpdateUnit(site_in_use(config), SystemClock())
    slots = read_slots(unit.state.analyse / SLOTS)
    offers = read_offers(unit.folder.offers)
    entries = unit.history.newest(_LOOKED_AT)
    ill = trouble(entries, SystemClock().now())
    rows = [
        {
            "name": name,
            "state": slots[name].state.value if name in slots else None,
            "active": _version(slots[name].active) if name in slots else None,
            "kept": _version(slots[name].previous) if name in slots else None,
            "on_trial": _version(slots[name].candidate) if name in slots else None,
            "offered": offers.offers[name].version if name in offers.offers else None,
        }
        for name in sorted(slots.keys() | offers.offers.keys())
    ]
    checked = _newest(entries, Happening.CHECKED)
    failed = _newest(entries, Happening.FAILED)
    partial = _bytes_in(unit.folder.partial)
    system = _system(unit)
    if is_json:
        as_json(
            {
                "os": system,
                "configured": unit.is_configured,
                "packs": rows,
                "recalled": sorted(offers.recalled),
                "checked": asdict(checked) if checked else None,
                "failed": asdict(failed) if failed else None,
                "trouble": ill[0] if ill else None,
                "partial_bytes": partial,
            }
        )
        return
    out = screen()
    if not unit.is_configured:
        out.print("This box takes no updates: the site YAML has no `update:` with a source.")
    shown = table("model", "state", "reads", "kept", "on trial", "offered")
    for row in rows:
        shown.add_row(*(str(value or "") for value in row.values()))
    out.print(shown if rows else "No model has been taken into use yet.")
    if system:
        _show_system(system)
    if checked:
        until = checked.details.get("expires", "")
        out.print(f"last good check {_when(checked)}; metadata valid until {until}")
    if failed and (not checked or from_iso(failed.at) >= from_iso(checked.at)):
        out.print(f"last attempt {_when(failed)} failed: {_details(failed)}", soft_wrap=True)
    if partial:
        out.print(f"{partial / 2**20:.1f} MiB have come of what is being fetched")
    for digest in sorted(offers.recalled):
        out.print(f"recalled by the maker: {digest[:_DIGITS]}")


@click.command("history")
@click.option("--newest", default=_NEWEST, show_default=True, help="How many entries.")
@config_option
@json_option
def history(newest: int, config: Path, *, is_json: bool) -> None:
    """Show what was checked, fetched, offered, refused, recalled, installed and kept."""
    unit = UpdateUnit(site_in_use(config), SystemClock())
    both = (*unit.history.newest(newest), *History(unit.os_folder.history).newest(newest))
    entries = sorted(both, key=lambda entry: entry.at)[-newest:]
    if is_json:
        as_json([{"at": entry.at, "what": entry.what, **entry.details} for entry in entries])
        return
    shown = table("time", "what", "details")
    for entry in entries:
        shown.add_row(_when(entry), entry.what.value, _details(entry))
    screen().print(shown if entries else "Nothing has happened yet.")


def _system(unit: UpdateUnit) -> dict[str, object] | None:
    """How the system image stands; None on a machine that was not flashed with one."""
    image = running_image()
    if image is None:
        return None
    record = read_record(unit.os_folder.record)
    setback = record.setback if record else None
    return {
        "name": image.name,
        "runs": image.version,
        "state": record.state.value if record else None,
        "kept": _version(record.previous) if record else None,
        "new": _version(record.candidate) if record else None,
        "failed": setback.version if setback else None,
        "reason": setback.reason if setback else None,
        "detail": setback.detail if setback else None,
    }


def _show_system(system: dict[str, object]) -> None:
    out = screen()
    shown = table("system", "state", "runs", "kept", "new")
    row = (system[key] for key in ("name", "state", "runs", "kept", "new"))
    shown.add_row(*(str(value or "") for value in row))
    out.print(shown)
    if system["failed"]:
        why = f"{system['reason']} {system['detail'] or ''}".strip()
        out.print(f"system {system['failed']} went back: {why}", soft_wrap=True)


def _version(pack: object) -> str | None:
    return getattr(pack, "version", None)


def _newest(entries: Sequence[Entry], what: Happening) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.what is what), None)


def _when(entry: Entry) -> str:
    return local_time(from_iso(entry.at))


def _details(entry: Entry) -> str:
    shown = {
        key: str(value)[:_DIGITS] if key == "digest" else value
        for key, value in entry.details.items()
        if value not in ("", None)
    }
    return ", ".join(f"{key} {value}" for key, value in shown.items())


def _bytes_in(folder: Path) -> int:
    try:
        return sum(place.stat().st_size for place in folder.iterdir())
    except OSError:  # nothing was fetched yet, or it is not ours to see
        return 0
