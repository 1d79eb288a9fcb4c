"""The menu's enrolling of who may sign this box's site YAML, and taking that away."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from appliance.audit.events import AuditEvent, AuditKind
from appliance.audit.report import report
from appliance.cli.options import site_in_use
from appliance.cli.technician.box import Box
from appliance.cli.technician.sticks import plugged_in
from appliance.daemon.state import StateFolder
from appliance.errors import ConfigError, UsageError
from appliance.provision.enrolling import (
    TYPED_LETTERS,
    SignersKey,
    check_letters,
    check_name,
    enrol,
    enrolled,
    parse_key,
    withdraw,
)
from appliance.screen.session import ACTOR, Dialogue

KEY_FILE: Final = "signer.pub"
_WORD: Final = "WITHDRAW"


def enrol_signer(box: Box, dialogue: Dialogue) -> None:
    """Take a public key from the stick: only by its fingerprint, and only on the record.

    Raises:
        ConfigError: `signer-key-missing`, `signer-name-unfit`, and as `parse_key`, `check_letters`
            and the stick.
        StorageError: the trail did not record it, or the disk took no more; nothing was enrolled.
    """
    ours = box.signers[0]
    for known, present in enrolled(ours):
        dialogue.say(f"May sign already: {known}, SHA256:{present.fingerprint}")
    key = _offered(box, dialogue)
    dialogue.say("Whoever has this key can sign site YAMLs that this box takes:")
    dialogue.say(f"    SHA256:{key.fingerprint}")
    dialogue.say("Let its owner read the fingerprint to you, and compare all of it.")
    answer = dialogue.ask(f"If they agree, type the first {TYPED_LETTERS} letters after SHA256:")
    check_letters(answer, key)
    name = check_name(dialogue.ask("Name of who signs with it, such as hospital-it:"))
    state = StateFolder(Path(site_in_use(box.config).state_folder))
    detail = f"may sign: {name} SHA256:{key.fingerprint}"
    report(state.access, AuditEvent(AuditKind.CONFIGURATION_CHANGED, ACTOR, ours.name, detail))
    if enrol(name, key, ours):
        dialogue.say(f"{name} may sign from now on.")
    else:
        dialogue.say("This key may sign already: nothing has changed.")


def withdraw_signer(box: Box, dialogue: Dialogue) -> None:
    """Let somebody of this hospital sign no more: by name, behind a word, and only on the record.

    Whoever is here came in by the PIN, so a configuration can still be taken by its fingerprint.

    Raises:
        UsageError: `signer-unknown`, `signer-withdrawal-unconfirmed`; nothing has changed.
        StorageError: the trail did not record it, or the disk failed; nothing has changed.
    """
    ours = box.signers[0]
    present = tuple(enrolled(ours))
    if not present:
        dialogue.say("Nobody of this hospital may sign.")
        return
    for known, key in present:
        dialogue.say(f"May sign: {known}, SHA256:{key.fingerprint}")
    name = dialogue.ask("Name of who may not sign any more:")
    gone = [key for known, key in present if known == name]
    if not gone:
        raise UsageError("signer-unknown")
    if len(gone) == len(present):
        dialogue.say(
            "Nobody of this hospital can sign then. A configuration is taken at this screen"
        )
        dialogue.say(
            "all the same: by its fingerprint, as long as the one in use sets a PIN. What the"
        )
        dialogue.say("maker has signed is taken as ever.")
    if dialogue.ask(f"To take it away from {name}, type {_WORD}:") != _WORD:
        raise UsageError("signer-withdrawal-unconfirmed")
    state = StateFolder(Path(site_in_use(box.config).state_folder))
    for key in gone:
        detail = f"may not sign any more: {name} SHA256:{key.fingerprint}"
        report(state.access, AuditEvent(AuditKind.CONFIGURATION_CHANGED, ACTOR, ours.name, detail))
    withdraw(name, ours)
    dialogue.say(f"{name} may not sign any more.")


def _offered(box: Box, dialogue: Dialogue) -> SignersKey:
    with plugged_in(box, dialogue) as stick:
        offer = stick.companion(KEY_FILE)
    if offer is None:
        raise ConfigError("signer-key-missing", KEY_FILE)
    return parse_key(offer.content)
