"""The menu's studies, one of them at length, acknowledgement and rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from appliance.cli.acknowledge import acknowledged
from appliance.cli.options import site_in_use
from appliance.cli.rollback import rolled_back
from appliance.cli.studies import show_studies, show_timeline
from appliance.cli.technician.box import Box, console_of
from appliance.daemon.state import StateFolder, state_folder
from appliance.screen.session import ACTOR, Dialogue

_NEWEST: Final = 40


def show(box: Box, dialogue: Dialogue) -> None:
    """The newest of what `osteon studies` lists."""
    show_studies(box.config, _NEWEST, console_of(dialogue))


def show_case(box: Box, dialogue: Dialogue) -> None:
    """What `osteon show` prints."""
    case = dialogue.ask("Case code, such as K7Q-3MF2:")
    show_timeline(box.config, case, console_of(dialogue))


def acknowledge(box: Box, dialogue: Dialogue) -> None:
    """What `osteon ack` does."""
    state = state_folder(site_in_use(box.config))
    case = dialogue.ask("Case code, such as K7Q-3MF2:")
    by = dialogue.ask("Name of who has seen the alert:")
    said = acknowledged(state, case, by)
    dialogue.say(f"{said.case}: acknowledged by {said.by}.")


def roll_back(box: Box, dialogue: Dialogue) -> None:
    """What `osteon update rollback` does."""
    state = StateFolder(Path(site_in_use(box.config).state_folder))
    pack = dialogue.ask("Name of the model; empty: the only one that has a version before:")
    reason = dialogue.ask("Why, for the record; nothing of a patient:")
    dialogue.say(rolled_back(state, pack or None, reason, ACTOR).text)
