"""`osteon update rollback`: a person takes a model back to the version before."""

from __future__ import annotations

import getpass
import threading
from pathlib import Path
from typing import Final

import click

from appliance.audit.events import AuditEvent, AuditKind, typed
from appliance.cli.audited import audited
from appliance.cli.options import config_option, json_option, site_in_use
from appliance.cli.presentation import as_json, screen
from appliance.clock import Clock, SystemClock
from appliance.daemon.state import StateFolder
from appliance.daemon.trial.rollbacks import Result, RollbackFolder, Verdict
from appliance.errors import UpdateError, UsageError

_WAIT_SECONDS: Final = 60.0
"""It takes a few seconds; more only where other programs keep the machine busy."""
_LOOK_SECONDS: Final = 0.2


@click.command("rollback")
@click.argument("pack", required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record; no patient data.")
@json_option
@config_option
def rollback(pack: str | None, reason: str, config: Path, *, is_json: bool) -> None:
    """Take a model back to the version that was in use before, at once.

    PACK is its name, as `osteon version` shows it; it may be left out where only one model has a
    version to go back to. A study that is being read is read again, by that version. The version
    that is taken back is never used again on this box, even if it is offered again.
    """
    state = StateFolder(Path(site_in_use(config).state_folder))
    result = rolled_back(state, pack, reason, getpass.getuser())
    if is_json:
        as_json({"verdict": result.verdict, "text": result.text})
    else:
        screen().print(result.text, soft_wrap=True)


def rolled_back(state: StateFolder, pack: str | None, reason: str, by: str) -> Result:
    """Have it done, on the record. Raises UsageError, UpdateError and StorageError."""
    folder = RollbackFolder(state.analyse)
    request = folder.ask(pack, reason, by)
    result = _answer(folder, request, SystemClock())
    match result.verdict:
        case Verdict.NOTHING_KEPT:
            raise UsageError("rollback-nothing-kept", result.text)
        case Verdict.UNCLEAR:
            raise UsageError("rollback-pack-unnamed", result.text)
        case Verdict.NOT_RUNNING:
            raise UpdateError("rollback-not-running", result.text)
        case Verdict.DONE:
            by_hand = AuditEvent(AuditKind.MODEL_CHANGED, "", typed(pack or ""), "rollback by hand")
            audited(state.access, by_hand)
    return result


def _answer(folder: RollbackFolder, request: str, clock: Clock) -> Result:
    end = clock.monotonic() + _WAIT_SECONDS
    pause = threading.Event()
    while (result := folder.answer_to(request)) is None:
        if clock.monotonic() > end:
            raise UpdateError("rollback-unanswered", f"{_WAIT_SECONDS:.0f} s")
        clock.wait(pause, _LOOK_SECONDS)
    return result
