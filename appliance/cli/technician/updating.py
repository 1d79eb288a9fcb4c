"""The menu's updates: models and systems from a stick, and what has become of them."""

from __future__ import annotations

from typing import Final

from appliance.audit.events import AuditEvent, AuditKind, typed
from appliance.audit.report import report_if_possible
from appliance.cli.options import site_in_use
from appliance.cli.technician.box import Box, console_of
from appliance.cli.technician.sticks import plugged_in
from appliance.cli.update import show_done, show_look
from appliance.cli.update_record import show_history, show_stand
from appliance.clock import SystemClock
from appliance.daemon.device_key import signer_of
from appliance.daemon.updating import Done, UpdateUnit
from appliance.provision.programs import answer_of
from appliance.screen.session import ACTOR, Dialogue
from appliance.update.choice import Choice
from appliance.update.fetching import Amount

INSTALLING_UNIT: Final = "osteon-os-install.service"
_NEWEST: Final = 30
_MEGABYTE: Final = 1e6


def from_stick(box: Box, dialogue: Dialogue) -> None:
    """What `osteon update apply` does, from the maker's stick.

    Raises:
        OsteonError: as `UpdateUnit.bring_up_to_date`; the first refusal, where all else was done.
    """
    site = site_in_use(box.config)
    signer = signer_of(site)
    dialogue.say("What runs goes on meanwhile. Every signature is checked, as over the network.")
    with plugged_in(box, dialogue, is_for_units=True) as stick:
        unit = UpdateUnit(site, SystemClock(), stick.folder, stick.make_writable)
        done = unit.bring_up_to_date(signer, _Progress(dialogue).report)
    out = console_of(dialogue)
    show_look(done.look, out)
    show_done(done, out)
    if done.receipt is not None:
        dialogue.say("A signed receipt lies on the stick: bring it back to the maker.")
    refused = {refusal.choice: refusal.error.code for refusal in done.refused}
    for choice in _wanted(done):
        code = refused.get(choice, "")
        subject = typed(f"{choice.name} {choice.version}")
        detail = f"from a stick {code}".strip()
        event = AuditEvent(AuditKind.MENU_ACTION, ACTOR, subject, detail, is_success=not code)
        report_if_possible(unit.state.access, event)
    if done.look.wants_os and done.look.os not in refused:
        # Its timer would come to it too, some minutes later.
        answer_of(["systemctl", "--no-block", "start", INSTALLING_UNIT])
        dialogue.say("Once it is installed (h shows it), it runs from the next start on.")
    if done.refused:
        raise done.refused[0].error


def history(box: Box, dialogue: Dialogue) -> None:
    """What `osteon update status` and `osteon update history` show."""
    unit, out = UpdateUnit(site_in_use(box.config), SystemClock()), console_of(dialogue)
    show_stand(unit, out)
    show_history(unit, _NEWEST, out)


def _wanted(done: Done) -> tuple[Choice, ...]:
    """What the stick has for this box."""
    system = (done.look.os,) if done.look.os is not None and done.look.wants_os else ()
    return (*done.look.outstanding, *system)


class _Progress:
    """Says each tenth of what comes, once."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._said: dict[str, int] = {}

    def report(self, amount: Amount) -> None:
        """How far it is."""
        tenth = 10 * amount.done // amount.total if amount.total else 10
        if tenth > self._said.get(amount.name, 0):
            self._said[amount.name] = tenth
            size = amount.total / _MEGABYTE
            self._dialogue.say(f"{amount.name}: {tenth * 10} % of {size:.1f} MB")
