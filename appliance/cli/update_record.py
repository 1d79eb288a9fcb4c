"""`osteon update status` and `history`: how the models stand on this box, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console

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
    stand = _stand(unit)
    if is_json:
        as_json(
            {
                "os": stand.system,
                "configured": unit.is_configured,
                "packs": stand.rows,
                "recalled": sorted(stand.recalled),
                "checked": asdict(stand.checked) if stand.checked else None,
                "failed": asdict(stand.failed) if stand.failed else None,
                "trouble": stand.trouble,
                "partial_bytes": stand.partial,
            }
        )
        return
    show_stand(unit, screen())


def show_stand(unit: UpdateUnit, out: Console) -> None:
    """Which versions read, are kept, are on trial or are offered, and the last checks."""
    stand = _stand(unit)
    if not unit.is_configured:
        out.print("This box takes no updates: the site YAML has no `update:` with a source.")
    shown = table("model", "state", "reads", "kept", "on trial", "offered")
    for row in stand.rows:
        shown.add_row(*(str(value or "") for value in row.values()))
    out.print(shown if stand.rows else "No model has been taken into use yet.")
    if stand.system:
        _show_system(stand.system, out)
    checked, failed = stand.checked, stand.failed
    if checked:
        until = checked.details.get("expires", "")
        out.print(f"last good check {_when(checked)}; metadata valid until {until}")
    if failed and (not checked or from_iso(failed.at) >= from_iso(checked.at)):
        out.print(f"last attempt {_when(failed)} failed: {_details(failed)}", soft_wrap=True)
    if stand.partial:
        out.print(f"{stand.partial / 2**20:.1f} MiB have come of what is being fetched")
    for digest in sorted(stand.recalled):
        out.print(f"recalled by the maker: {digest[:_DIGITS]}")


@dataclass(frozen=True, slots=True)
class _Stand:
    """What `status` shows. partial: bytes that have come of what is being fetched."""

    rows: list[dict[str, str | None]]
    recalled: frozenset[str]
    system: dict[str, object] | None
    checked: Entry | None
    failed: Entry | None
    trouble: str | None
    partial: int


def _stand(unit: UpdateUnit) -> _Stand:
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
    return _Stand(
        rows,
        offers.recalled,
        _system(unit),
        _newest(entries, Happening.CHECKED),
        _newest(entries, Happening.FAILED),
        ill[0] if ill else None,
        _bytes_in(unit.folder.partial),
    )


@click.command("history")
@click.option("--newest", default=_NEWEST, show_default=True, help="How many entries.")
@config_option
@json_option
def history(newest: int, config: Path, *, is_json: bool) -> None:
    """Show what was checked, fetched, offered, refused, recalled, installed and kept."""
    unit = UpdateUnit(site_in_use(config), SystemClock())
    if is_json:
        entries = _entries(unit, newest)
        as_json([{"at": entry.at, "what": entry.what, **entry.details} for entry in entries])
        return
    show_history(unit, newest, screen())


def show_history(unit: UpdateUnit, newest: int, out: Console) -> None:
    """The newest of what happened to models and systems, in the order of time."""
    entries = _entries(unit, newest)
    shown = table("time", "what", "details")
    for entry in entries:
        shown.add_row(_when(entry), entry.what.value, _details(entry))
    out.print(shown if entries else "Nothing has happened yet.")


def _entries(unit: UpdateUnit, newest: int) -> list[Entry]:
    both = (*unit.history.newest(newest), *History(unit.os_folder.history).newest(newest))
    return sorted(both, key=lambda entry: entry.at)[-newest:]


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


def _show_system(system: dict[str, object], out: Console) -> None:
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
