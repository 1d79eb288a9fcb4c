"""The menu's wipe: shown and asked for as `osteon wipe` does; done by the unit that resumes one.

The units of the box are ended by a wipe, that of the menu among them: so once it is decided, and
durably so, `osteon-wipe.service` goes on with it, now or at the next boot.
"""

from __future__ import annotations

from typing import Final

from appliance.cli import wipe_plan
from appliance.cli.options import site_of
from appliance.cli.technician.box import Box, console_of
from appliance.cli.wipe_shown import show_plan
from appliance.cli.wiping import decided, on_record
from appliance.config.schema import Site
from appliance.errors import WipeError
from appliance.provision.programs import answer_of
from appliance.provision.volume import LABELS, find_volume
from appliance.screen.session import Dialogue
from appliance.wipe.consent import check_alerts, check_serial
from appliance.wipe.journal import Authority, Journal
from appliance.wipe.plan import Destination, WipePlan
from appliance.wipe.programs import SystemPrograms

_UNIT: Final = "osteon-wipe.service"


def wipe(box: Box, dialogue: Dialogue) -> None:
    """Show the plan, ask for a name and the serial number, and begin.

    A stick that is plugged in gets the certificate, and a printer that is named.

    Raises:
        WipeError, ConfigError, StorageError: then nothing has happened.
    """
    journal = Journal(box.wipe_journal)
    if journal.intent() is not None:
        raise WipeError("wipe-begun")
    if journal.has_ended:
        raise WipeError("wipe-done", str(journal.folder))
    site = site_of(box.config)
    paper = _paper(site, dialogue)
    stick = (Destination("stick", ""),) if find_volume(LABELS) is not None else ()
    place = wipe_plan.Box(box.config, site, box.identity, journal.folder)
    plan = wipe_plan.gather_plan(place, (), (*stick, *paper), SystemPrograms())
    show_plan(plan, console_of(dialogue))
    authority = _asked(plan, dialogue)
    on_record(site, authority, plan)
    with journal.locked():
        decided(journal, authority, plan)
    if answer_of(["systemctl", "--no-block", "start", _UNIT]) is None:
        dialogue.say("The wipe is decided. It begins when the machine starts: start it again now.")
    else:
        dialogue.say("The wipe has begun. Leave the machine on; it says here when it has ended.")


def _paper(site: Site, dialogue: Dialogue) -> tuple[Destination, ...]:
    """Asked beforehand: what knows the printers is destroyed before the certificate is made."""
    if not site.printers:
        return ()
    names = ", ".join(printer.name for printer in site.printers)
    name = dialogue.ask(f"Print the certificate too? One of: {names}; empty: no:")
    return (wipe_plan.printer_destination(site, name),) if name else ()


def _asked(plan: WipePlan, dialogue: Dialogue) -> Authority:
    operator = dialogue.ask("Name of who wipes:")
    if not operator:
        raise WipeError("wipe-operator-missing")
    overridden_by = ""
    if not plan.undelivered.is_clear:
        overridden_by = dialogue.ask(
            "Alerts may be undelivered. Name of who takes that on, or Esc:"
        )
    check_alerts(plan, overridden_by)
    destination = dialogue.ask("What happens to the disks afterwards (for the certificate):")
    check_serial(dialogue.ask("To destroy all this for good, type the serial number:"), plan)
    return Authority(
        "console", operator, media_destination=destination, overridden_by=overridden_by
    )
