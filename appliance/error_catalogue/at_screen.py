"""What to do about a code for whoever has the screen of the box and its menu, and no command line.

Only where the catalogue's own hint names a command. Numbers and letters are keys of the menu, as
`appliance.screen.items` has them; "the site YAML" is changed by a stick (menu 2).
"""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue import CATALOGUE

_OFF_AND_ON: Final = "Switch the box off and on at a quiet moment; every study is kept."
_BUNDLE: Final = "If it comes back, send the maker a support bundle (menu 6)."
_WAIT_THEN_OFF_AND_ON: Final = (
    "It is tried again after 20 minutes. Else switch the box off and on. " + _BUNDLE
)
_STICK_LABEL: Final = "Give the stick the label OSTEON, plug it in, wait some seconds, try again."

AT_SCREEN: Final = {
    "acceptance-broken": "Check the disk (menu 1), and tell the maker with a bundle (menu 6).",
    "audit-broken": "Change nothing. See what menu v says, and tell the security officer.",
    "audit-key-missing": "The box writes one once it has an identity: see menu 8.",
    "audit-missing": _OFF_AND_ON + " " + _BUNDLE,
    "audit-silent": "See menu 1; a full disk is the most likely cause. Else off and on.",
    "audit-unreachable": _WAIT_THEN_OFF_AND_ON,
    "break-glass-used": "Ask who it was and why: the audit trail that is sent out says when.",
    "check-crashed": "Check again (menu 1). " + _BUNDLE,
    "check-timeout": "Check the network to it and that it is on. If only a model is late, the box "
    "is busy: check again when it is idle.",
    "clock-unreadable": _OFF_AND_ON + " " + _BUNDLE,
    "clock-unsynchronised": "Have the DHCP server name the hospital's time server; where there is "
    "none, set `health.clock_needs_server: false` in the site YAML.",
    "config-invalid": "Mend each fault at its line and column, and import the file again (menu 2). "
    "All of them stand in osteon-faults.txt on the stick.",
    "config-needs-restart": _OFF_AND_ON + " Until then it works with the old values.",
    "config-refused": "Mend the file and import it from a stick (menu 2): that says what is wrong.",
    "config-unfit": "Mend what the reason says, and import the file from a stick (menu 2).",
    "config-unreadable": "Import the site YAML from a stick (menu 2). " + _BUNDLE,
    "delivery-given-up": "Find out why the PACS did not take them; menu 3 lists the studies.",
    "attachment-unreadable": "Check the disk. Find the study (menu 3), and telephone its doctor.",
    "device-key-invalid": "See menu 8. If it shows no identity, the box has to be flashed anew.",
    "device-key-missing": "See menu 8: it makes an identity where there is none. Then try again.",
    "door-question-unknown": _OFF_AND_ON,
    "fingerprint-differs": "Do not use this file before you know why: on the computer where it was "
    "made, look at its fingerprint once more, and compare all of it with the screen.",
    "host-unknown": "Check the name, and the DNS server that DHCP gives this box; an address in "
    "digits needs no DNS.",
    "identity-broken": "Undo that change. If it is meant to be so, wipe the box (menu 9) and make "
    "it new; see page 12 of the manual.",
    "key-rotation-waits": "See that the box receives, then choose it again (r): it goes on from "
    "there. Until then both keys are kept, and nothing is lost.",
    "language-unknown": "Set `site.language` to one that page 03 of the manual lists.",
    "ledger-missing": _OFF_AND_ON + " " + _BUNDLE,
    "master-key-unsealable": "Check the TPM in the firmware, then try again. " + _BUNDLE,
    "menu-guessed": "Ask who it was. Whoever should not be there may know the PIN by now: import a "
    "site YAML with another one (menu 2).",
    "menu-unreachable": "Somebody may be in it already. Else switch the box off and on.",
    "model-replaced": "Nothing. If doctors find its alerts worse, take it back (menu 5).",
    "name-missing": "Choose it again, and type the name of who gives it.",
    "network-load-failed": "Take the system that the model needs; with a graphics card or NPU, set "
    "`device: cpu`.",
    "os-boot-loader-failed": "Nothing has changed, and it is tried again. " + _BUNDLE,
    "os-install-failed": "It is tried again by itself. " + _BUNDLE,
    "os-not-an-image": "There is nothing to do: this machine's own administrator updates it.",
    "os-nothing-to-start": "Nothing. Menu h shows how the system stands.",
    "os-restart-waits": "Switch the box off and on at a quiet moment, or set `update.restart_from` "
    "and `update.restart_until` in the site YAML.",
    "os-study-under-way": "Wait until menu 3 shows none that is under way, and try again.",
    "os-taken-back": "Nothing at once: the box works as before. Menu h says why.",
    "os-unhealthy": "Nothing: wait for it. Menu h names what was missing.",
    "outbox-item-missing": "The ledger was rebuilt or restored: look at the latest studies (3).",
    "pack-not-accepted": "Measure it on the site's labelled set (menu a), or take "
    "`acceptance.required` out of the site YAML.",
    "pack-recalled": "Its studies are told as not analysed until a newer version comes: by the "
    "network, or by a stick of the maker (menu u). Ask the maker.",
    "pack-refused-by-site": "Wait for another version, or measure this one again (menu a).",
    "pack-unclear": "Choose it again, and type one of the names that are shown. Where none is, no "
    "model of this box reads such images.",
    "pin-locked": "Wait as long as the screen says; each further wrong PIN makes it longer. Nobody "
    "can look up a PIN that is forgotten: see page 13 of the manual.",
    "port-unusable": "Take another port in the site YAML, and import it (menu 2).",
    "printer-not-in-yaml": "Take one of the names in the message, or the stick.",
    "receiver-silent": "Switch the box off and on. Images stay at the modality meanwhile and are "
    "to be sent again.",
    "role-restarting": _WAIT_THEN_OFF_AND_ON,
    "rollback-not-running": "Check the box (menu 1).",
    "rollback-nothing-kept": "A rollback can be made once after each update; menu h shows them.",
    "rollback-pack-unnamed": "Choose it again, and type one of the names in the message.",
    "rollback-unanswered": "Look at menu h after some minutes; then check the box (menu 1).",
    "self-test-failed": "Set `device: cpu` in the site YAML. If it fails there too, the machine's "
    "memory may be broken: tell the maker, with a bundle (menu 6).",
    "site-signature-wrong": "Sign the file again after its last change (page 02 of the manual), "
    "with a key that this box knows; menu k makes one known.",
    "site-signers-missing": "Take the signature off the stick, and confirm the fingerprint (2); "
    "then make the signer's key known (k).",
    "site-unsigned": "Sign it; or press Enter, then 2, compare the fingerprint, and confirm it. "
    "Where the site YAML sets no PIN only a signed one is taken.",
    "sockets-differ": _OFF_AND_ON,
    "study-stuck": "See menu 3. Read the images as if this box did not exist, then switch the box "
    "off and on. " + _BUNDLE,
    "test-not-delivered": "Check (menu 1) whether the mail server and the printer answer.",
    "test-not-filed": _BUNDLE,
    "test-not-read": "The code says why; menu 1 looks at the models. A patient's study may fare "
    "the same.",
    "test-not-sent": "Check that the box receives (menu 1). " + _BUNDLE,
    "test-not-taken-up": "The analyser does not run or hangs. " + _WAIT_THEN_OFF_AND_ON,
    "test-stuck": _BUNDLE,
    "test-unrecognised": "Tell those who were told that the named case was a test, acknowledge it "
    "(menu 4), and tell the maker.",
    "unit-failed": _WAIT_THEN_OFF_AND_ON,
    "unit-without-key": "The key of all studies does not open on this machine: undo what was "
    "changed in its firmware. A new key would not open the studies that lie here.",
    "update-busy": "Wait until it has ended; menu h shows what it did.",
    "update-floor-missing": "Nothing is updated until the maker has looked into it: send a support "
    "bundle (menu 6). Only a box that is wiped and made new begins that record by itself.",
    "update-floor-untied": "Start the machine with the TPM that was there before. Else send the "
    "maker a support bundle (menu 6).",
    "update-metadata-absent": "Use a stick of the maker: in its top folder lie `metadata` and "
    "`targets`. By the network: check `update.url`.",
    "update-metadata-expired": "Check the clock (menu 1). If it is right, take a newer stick or "
    "tell the maker. What runs goes on.",
    "update-not-configured": "Add the section `update:` to the site YAML, or take a stick (u).",
    "update-offers-broken": "It is written anew at the next check. If it comes back, check the "
    "disk (menu 1).",
    "update-slots-broken": "Switch the box off and on. It then begins with the models that came "
    "with it. Check the disk if it comes back (menu 1).",
    "update-source-irregular": "Use a stick as the maker wrote it.",
    "volume-ambiguous": "Leave one of them in the box.",
    "volume-missing": _STICK_LABEL,
    "volume-not-mounted": "Try the stick in another computer, or format it anew as FAT.",
    "wipe-alerts-undelivered": "Let the box finish (menu 3), or look at these studies yourself; "
    "then choose the wipe again, and type the name of who takes it on.",
    "wipe-alerts-unknown": "If that cannot be mended, choose the wipe again, and type the name of "
    "who takes it on.",
    "wipe-begun": "Start the machine again: it goes on by itself.",
    "wipe-certificate-homeless": "Start the machine again: it goes on by itself.",
    "wipe-folder-refused": "Have `state_folder` in the site YAML mended, and import it (menu 2).",
    "wipe-identity-missing": "See menu 8, which makes an identity; then choose the wipe again.",
    "wipe-operator-missing": "Choose it again, and type the name of who wipes.",
    "wipe-serial-missing": "Choose it again, and type the serial number.",
}
"""In place of the catalogue's own, by code."""


def hint_at_screen(code: str) -> str:
    """What to do, for the person at the screen; empty for a code that nobody knows."""
    if code in AT_SCREEN:
        return AT_SCREEN[code]
    known = CATALOGUE.get(code)
    return known.hint if known is not None else ""
