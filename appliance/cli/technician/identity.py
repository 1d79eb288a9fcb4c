"""The menu's identity of the device."""

from __future__ import annotations

from appliance.cli.technician.box import Box
from appliance.clock import SystemClock
from appliance.provision.identity import ensure_identity
from appliance.provision.keyseal import SYSTEM_SEALS
from appliance.screen.session import Dialogue
from appliance.screen.words import grouped_in_rows


def show(box: Box, dialogue: Dialogue) -> None:
    """What `osteon first-boot identity` says."""
    known, is_new = ensure_identity(box.identity, SYSTEM_SEALS, SystemClock().now())
    weaker = " (weaker: there is no usable TPM2)" if known.protection.is_weaker else ""
    dialogue.say("Device id:")
    for row in grouped_in_rows(known.device_id):
        dialogue.say(f"    {row}")
    dialogue.say(f"Private key: {known.protection}{weaker}")
    dialogue.say("SHA-256 of its certificate request:")
    for row in grouped_in_rows(known.request_fingerprint):
        dialogue.say(f"    {row}")
    dialogue.say("Made now." if is_new else f"Made on {known.made_at}.")
