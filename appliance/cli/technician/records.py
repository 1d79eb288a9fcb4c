"""The menu's rotation of the key of all studies, and its proof of the audit trail."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from appliance.audit.events import AuditEvent, AuditKind
from appliance.audit.report import report_if_possible
from appliance.cli.audit import said_of, verified
from appliance.cli.keys import rotated, rotation_event
from appliance.cli.options import site_in_use
from appliance.cli.technician.box import Box
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError, UsageError
from appliance.screen.session import ACTOR, Dialogue

_WORD: Final = "ROTATE"
_WAIT_S: Final = 300.0


def rotate_key(box: Box, dialogue: Dialogue) -> None:
    """What `osteon key rotate` does, behind a word that is typed.

    Raises:
        UsageError: `key-rotation-unconfirmed`; nothing has happened.
        StorageError: as `rotated`; it goes on where it is chosen again.
    """
    site = site_in_use(box.config)
    dialogue.say("A new key takes the place of the one that wraps every study's own key. The box")
    dialogue.say("works on meanwhile. Copies of the former key then open nothing here any more:")
    dialogue.say("whoever keeps one has to make a new one.")
    if dialogue.ask(f"To rotate it, type {_WORD}:") != _WORD:
        raise UsageError("key-rotation-unconfirmed")
    ring = rotated(site, _WAIT_S, dialogue.say)
    report_if_possible(StateFolder(Path(site.state_folder)).access, rotation_event(ring, ACTOR))


def verify(box: Box, dialogue: Dialogue) -> None:
    """What `osteon audit verify` says, by the public key on this box.

    Raises:
        StorageError: `audit-broken`, the trail is not whole; as `verified`.
    """
    state = StateFolder(Path(site_in_use(box.config).state_folder))
    report_if_possible(state.access, AuditEvent(AuditKind.AUDIT_READ, ACTOR, detail="verify"))
    verdict = verified(state)
    dialogue.say(said_of(verdict))
    if not verdict.is_whole:
        raise StorageError("audit-broken")
