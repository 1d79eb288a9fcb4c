"""`osteon patient`: who a case is about, for those who may know, and on the record."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from appliance.audit.wire import ask
from appliance.cli.options import config_option, json_option, site_in_use
from appliance.cli.presentation import as_json, screen, table
from appliance.daemon.door import PURPOSES
from appliance.daemon.state import state_folder
from appliance.errors import UsageError

_SECONDS: Final = 120.0
"""A child has to be started that reads a header."""
_LINES: Final = (
    ("name", "name"),
    ("patient_id", "patient ID"),
    ("birth_date", "born"),
    ("sex", "sex"),
    ("study_date", "study date"),
    ("study_time", "study time"),
    ("accession_number", "accession number"),
)


@click.command()
@click.argument("case", metavar="CASE")
@click.option(
    "--purpose",
    type=click.Choice(tuple(PURPOSES)),
    default="treatment",
    show_default=True,
    help="Why you look; it stands in the audit trail.",
)
@click.option(
    "--break-glass",
    "is_break_glass",
    is_flag=True,
    help="Look without being in the group osteon-patients; the technician is told.",
)
@config_option
@json_option
def patient(case: str, purpose: str, config: Path, *, is_break_glass: bool, is_json: bool) -> None:
    """Show which patient a case is about. The trail says who looked, when and why.

    Members of the group osteon-patients may. Anybody else of the group osteon may in an emergency,
    with --break-glass and --purpose emergency-treatment.
    """
    if is_break_glass and purpose == "treatment":
        raise UsageError("break-glass-without-purpose")
    folder = state_folder(site_in_use(config)).access
    found = ask(
        folder,
        {
            "ask": "patient",
            "case": case.strip().upper(),
            "purpose": purpose,
            "break_glass": is_break_glass,
        },
        _SECONDS,
    )
    if is_json:
        as_json(dict(found))
        return
    shown = table("", case.strip().upper())
    for key, words in _LINES:
        shown.add_row(words, str(found[key]))
    screen().print(shown)
    screen().print("Recorded in the audit trail.")
