"""`osteon retention plan`: which studies go next and why, before they go."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from appliance.cli.options import config_option, json_option, site_in_use
from appliance.cli.presentation import as_json, iso_time, local_time, screen, table
from appliance.clock import SystemClock
from appliance.config.schema import Site
from appliance.daemon.keeping import policy, present_plan
from appliance.daemon.state import StateFolder, state_folder
from appliance.ledger.intake import IntakeLedger
from appliance.retention.lived_time import DAY_S, LivedTime
from appliance.retention.plan import Hold, Plan, StudyFacts, Why
from appliance.storage import free_bytes, total_bytes

_WITHIN_DAYS: Final = 7
_GIB: Final = 1 << 30
_MIB: Final = 1 << 20
_WHY: Final = {
    Why.DAYS: "its days are over",
    Why.DISK: "the disk is fuller than the high watermark",
}
_HELD: Final = {
    Hold.NOT_TAKEN_UP: "the analyser has not taken it up yet",
    Hold.UNDER_WAY: "it is being analysed",
    Hold.UNDELIVERED: "something about it has not been delivered",
    Hold.UNACKNOWLEDGED: "nobody has acknowledged its alert",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """One study, and what becomes of it. left_days: None where it is held or not yet counted."""

    facts: StudyFacts
    left_days: float | None
    why: str


@click.group()
def retention() -> None:
    """How long finished studies are kept."""


@retention.command("plan")
@config_option
@click.option(
    "--within",
    default=_WITHIN_DAYS,
    show_default=True,
    metavar="DAYS",
    help="List what goes within so many days.",
)
@json_option
def plan_command(config: Path, within: int, *, is_json: bool) -> None:
    """Show which studies go now, which go next, and what is held. Deletes nothing.

    The receiver carries the same plan out every ten minutes, and oftener while the disk is full.
    """
    site = site_in_use(config)
    state = state_folder(site)
    with closing(IntakeLedger(state.intake, read_only=True)) as intake:
        now = LivedTime(SystemClock(), intake.lives.last_time()).now()
        wanted = present_plan(state, site, intake, now)
    lines = _lines(wanted)
    if is_json:
        as_json({"disk": _disk(site, state, wanted), "studies": [_plain(each) for each in lines]})
        return
    _show(site, state, wanted, lines, within)


def _lines(wanted: Plan) -> list[_Line]:
    going = [_Line(each.facts, 0.0, each.why) for each in wanted.going]
    staying = [
        _Line(
            each.facts,
            None if each.left_s is None else each.left_s / DAY_S,
            each.hold or ("kept" if each.left_s is not None else "just-finished"),
        )
        for each in wanted.staying
    ]
    return going + staying


def _show(site: Site, state: StateFolder, wanted: Plan, lines: list[_Line], within: int) -> None:
    out = screen()
    disk, keep = _disk(site, state, wanted), site.retention
    out.print(
        f"{len(lines)} studies. Kept {keep.days} days when finished, {keep.alert_days} days after"
        f" an alert. Disk {disk['used_percent']} % used; studies go early from"
        f" {keep.disk_high_percent} % down to {keep.disk_low_percent} %."
    )
    soon = [each for each in lines if each.left_days is not None and each.left_days <= within]
    if soon:
        shown = table("case", "received", "images", "MiB", "goes", "why")
        for line in soon:
            facts, left = line.facts, line.left_days or 0.0
            shown.add_row(
                facts.case or "",
                local_time(facts.received_at),
                str(facts.images),
                f"{facts.bytes / _MIB:.1f}",
                "now" if left <= 0 else f"in {left:.1f} days",
                _WHY[Why(line.why)] if left <= 0 else "its days will be over",
            )
        out.print(shown)
    else:
        out.print(f"Nothing goes within {within} days.")
    held = Counter(each.hold for each in wanted.staying if each.hold is not None)
    for hold, count in held.items():
        out.print(f"{count} stay whatever their age: {_HELD[hold]}.")
    if wanted.lacking:
        lacking = wanted.lacking / _GIB
        out.print(f"{lacking:.1f} GiB more must be freed: by hand, nothing else may go.")


def _disk(site: Site, state: StateFolder, wanted: Plan) -> dict[str, object]:
    free, total = free_bytes(state.root), total_bytes(state.root)
    limits = policy(site, total)
    return {
        "total_bytes": total,
        "free_bytes": free,
        "used_percent": round(100 * (total - free) / total),
        "studies_go_early_below_free_bytes": limits.high_free,
        "until_free_bytes": limits.low_free,
        "lacking_bytes": wanted.lacking,
    }


def _plain(line: _Line) -> dict[str, object]:
    facts = line.facts
    return {
        "case": facts.case,
        "received": iso_time(facts.received_at),
        "images": facts.images,
        "bytes": facts.bytes,
        "goes_in_days": None if line.left_days is None else round(max(0.0, line.left_days), 2),
        "why": line.why,
    }
