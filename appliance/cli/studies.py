"""`osteon studies` and `osteon show`: where every study stands, and its whole way so far."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from appliance.cli.options import config_option, json_option
from appliance.cli.presentation import (
    as_json,
    iso_time,
    local_time,
    outcome_text,
    screen,
    table,
)
from appliance.cli.timeline import Ledgers, Moment, moments_of, open_ledgers
from appliance.domain import CaseCode
from appliance.errors import UsageError
from appliance.ledger.delivery import DeliveryState
from appliance.ledger.work import Revision

_NEWEST_SHOWN: Final = 200


@click.command()
@config_option
@click.option("--newest", default=_NEWEST_SHOWN, show_default=True, help="How many revisions.")
@json_option
def studies(config: Path, newest: int, *, is_json: bool) -> None:
    """List the newest studies: state, outcome, and whether a person has acknowledged."""
    revisions, rows = _newest(config, newest)
    if is_json:
        as_json(rows)
    else:
        _show(screen(), revisions, rows)


def show_studies(config: Path, newest: int, out: Console) -> None:
    """The same table somewhere else. Raises ConfigError and StorageError."""
    _show(out, *_newest(config, newest))


def _newest(config: Path, newest: int) -> tuple[tuple[Revision, ...], list[dict[str, object]]]:
    with ExitStack() as stack:
        ledgers = open_ledgers(stack, config)
        revisions = ledgers.work.revisions(newest) if ledgers.work else ()
        return revisions, [_row(ledgers, revision) for revision in revisions]


def _show(out: Console, revisions: tuple[Revision, ...], rows: list[dict[str, object]]) -> None:
    shown = table("case", "rev.", "arrived", "outcome or state", "reason", "told", "acknowledged")
    for revision, row in zip(revisions, rows, strict=True):
        shown.add_row(
            revision.case,
            str(revision.revision),
            local_time(revision.opened_at),
            outcome_text(revision.outcome, revision.state, is_phantom=revision.is_phantom),
            revision.reason or "",
            str(row["told"]),
            str(row["acknowledged_by"] or ""),
        )
    out.print(shown if rows else "No study has arrived yet.")


@click.command()
@click.argument("case", metavar="CASE")
@config_option
@json_option
def show(case: str, config: Path, *, is_json: bool) -> None:
    """Show the timeline of one case, from its first image to its last acknowledgement."""
    way = _way(config, case)
    if is_json:
        timeline = [
            {
                "at": iso_time(moment.at),
                "revision": moment.revision,
                "what": moment.what,
                **moment.details,
            }
            for moment in way.moments
        ]
        as_json({**way.row, "timeline": timeline})
        return
    _show_way(screen(), way)


def show_timeline(config: Path, case: str, out: Console) -> None:
    """The same timeline somewhere else.

    Raises:
        UsageError: `case-unknown`.
        ConfigError, StorageError: as `open_ledgers`.
    """
    _show_way(out, _way(config, case))


@dataclass(frozen=True, slots=True)
class _Way:
    """A case: its newest revision, as it stands, and all that happened to it."""

    last: Revision
    row: dict[str, object]
    moments: tuple[Moment, ...]


def _way(config: Path, case: str) -> _Way:
    code = CaseCode(case.strip().upper())
    with ExitStack() as stack:
        ledgers = open_ledgers(stack, config)
        revisions = ledgers.work.of_case(code) if ledgers.work else ()
        if not revisions:
            raise UsageError("case-unknown", "no such case on this box")
        last = revisions[-1]
        return _Way(last, _row(ledgers, last), moments_of(ledgers, code, revisions))


def _show_way(out: Console, way: _Way) -> None:
    last = way.last
    out.print(last.case, outcome_text(last.outcome, last.state, is_phantom=last.is_phantom))
    shown = table("time", "s", "rev.", "what", "details")
    for moment in way.moments:
        details = ", ".join(
            f"{name} {value}" for name, value in moment.details.items() if value not in ("", None)
        )
        since = f"{moment.at - way.moments[0].at:+.1f}"
        shown.add_row(
            local_time(moment.at), since, str(moment.revision or ""), moment.what, details
        )
    out.print(shown)


def _row(ledgers: Ledgers, revision: Revision) -> dict[str, object]:
    progress = [
        each
        for each in (ledgers.delivery.of_case(revision.case) if ledgers.delivery else ())
        if each.revision == revision.revision
    ]
    acknowledged_by = ledgers.delivery and ledgers.delivery.acknowledged_by(revision.case)
    sent = sum(
        delivery.state is DeliveryState.SENT for each in progress for delivery in each.deliveries
    )
    waiting = sum(each.ending is None for each in progress)
    return {
        "case": revision.case,
        "revision": revision.revision,
        "arrived": iso_time(revision.opened_at),
        "state": revision.state,
        "outcome": revision.outcome,
        "reason": revision.reason,
        "test": revision.is_phantom,
        "told": sent,
        "open_deliveries": waiting,
        "acknowledged_by": acknowledged_by,
    }
