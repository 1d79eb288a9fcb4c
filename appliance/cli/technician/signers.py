"""The menu's enrolling of who may sign this box's site YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from appliance.audit.events import AuditEvent, AuditKind
from appliance.audit.report import report
from appliance.cli.options import site_in_use
from appliance.cli.technician.box import Box
from appliance.cli.technician.sticks import plugged_in
from appliance.daemon.state import StateFolder
from appliance.errors import ConfigError
from appliance.provision.enrolling import (
    TYPED_LETTERS,
    SignersKey,
    check_letters,
    check_name,
    enrol,
    enrolled,
    parse_key,
)
from appliance.screen.session import ACTOR, Dialogue

KEY_FILE: Final = "signer.pub"


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


def _offered(box: Box, dialogue: Dialogue) -> SignersKey:
    with plugged_in(box, dialogue) as stick:
        offer = stick.companion(KEY_FILE)
    if offer is None:
        raise ConfigError("signer-key-missing", KEY_FILE)
    return parse_key(offer.content)
