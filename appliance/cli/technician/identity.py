"""The menu's identity of the device."""

from __future__ import annotations

from typing import Final

from appliance.cli.technician.box import Box
from appliance.clock import SystemClock
from appliance.provision.identity import DeviceIdentity, ensure_identity, read_identity
from appliance.provision.keyseal import SYSTEM_SEALS
from appliance.screen.items import Access
from appliance.screen.session import Dialogue
from appliance.screen.words import grouped_in_rows
from appliance.wipe.ended import read_ended
from appliance.wipe.journal import DONE

_MAKES_NONE: Final = {
    Access.CLOSED: "It cannot be read: what it lies on is not mounted.",
    Access.WIPED: "Its private key was destroyed by the wipe. It had the device id:",
    Access.WIPED_IMAGE: "Its private key was destroyed by the wipe. It had the device id:",
}
"""What to say where there is none, and none may be made."""


def show(box: Box, dialogue: Dialogue) -> None:
    """What `osteon first-boot identity` says."""
    if box.access not in _MAKES_NONE:
        known, is_new = ensure_identity(box.identity, SYSTEM_SEALS, SystemClock().now())
        _tell(known, dialogue)
        dialogue.say("Made now." if is_new else f"Made on {known.made_at}.")
        return
    left = read_identity(box.identity)
    if left is not None:
        _tell(left, dialogue)
        return
    dialogue.say(_MAKES_NONE[box.access])
    end = read_ended(box.wipe_journal / DONE)
    for row in grouped_in_rows(end.intent.plan.device_id) if end is not None else ():
        dialogue.say(f"    {row}")


def _tell(known: DeviceIdentity, dialogue: Dialogue) -> None:
    weaker = " (weaker: there is no usable TPM2)" if known.protection.is_weaker else ""
    dialogue.say("Device id:")
    for row in grouped_in_rows(known.device_id):
        dialogue.say(f"    {row}")
    dialogue.say(f"Private key: {known.protection}{weaker}")
    dialogue.say("SHA-256 of its certificate request:")
    for row in grouped_in_rows(known.request_fingerprint):
        dialogue.say(f"    {row}")
