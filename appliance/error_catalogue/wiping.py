"""WipeError: a wipe that was refused, or that did not end clean."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

WIPING: Final = {
    "factory-reset-failed": Explanation(
        "The firmware did not take the note that makes this box new at its next start. Nothing has "
        "changed.",
        "Start the machine again, and try once more. If it fails again, flash it anew: page 12.",
    ),
    "factory-reset-unconfirmed": Explanation(
        "What was typed is not the word that was asked for. Nothing has changed.",
        "Choose it again if this box is to be made new.",
    ),
    "wipe-alerts-undelivered": Explanation(
        "Somebody is still waiting: messages have reached nobody, or studies have no outcome. "
        "Nothing was destroyed.",
        "Let the box finish (`osteon studies`), or look at these studies yourself and say who "
        "takes it on: `--override-undelivered NAME`.",
    ),
    "wipe-alerts-unknown": Explanation(
        "The ledgers cannot be read, so nobody can say whether alerts are undelivered. Nothing was "
        "destroyed.",
        "If that cannot be mended, say who takes it on: `--override-undelivered NAME`.",
    ),
    "wipe-begun": Explanation(
        "A wipe of this machine has begun and not ended; there is no way back.",
        "Run `osteon wipe --resume`, or start the machine again: it goes on by itself.",
    ),
    "wipe-certificate-homeless": Explanation(
        "All patient data are destroyed, but nothing could take the certificate: the disk is full "
        "or broken, and so is every destination. The device's identity was kept to sign it.",
        "Make room on the disk, then run `osteon wipe --resume`.",
    ),
    "wipe-certificate-invalid": Explanation(
        "It is no certificate that this version knows, or not of the device that was asked for.",
        "Compare the device id with the one on the hand-over sheet, and use the version of the "
        "box or a later one.",
    ),
    "wipe-certificate-missing": Explanation(
        "This machine was wiped, and there is no certificate on it any more.",
        "Look for the copies that were handed out: the screen names who has taken one.",
    ),
    "wipe-done": Explanation(
        "This machine was wiped already; the certificate lies in the folder that is named.",
        "If Osteon is to work here again: keep the certificate elsewhere, delete that folder, and "
        "install anew.",
    ),
    "wipe-failed": Explanation(
        "The wipe has ended, and something could not be destroyed or verified. Patient data may "
        "still be readable.",
        "Destroy the medium physically; the certificate names what failed.",
    ),
    "wipe-folder-refused": Explanation(
        "The state folder of the site YAML is a folder of the operating system, or holds the "
        "journal of the wipe: it cannot be deleted as a whole. Nothing was destroyed.",
        "Give Osteon a folder of its own: move its data and mend `state_folder`.",
    ),
    "wipe-identity-missing": Explanation(
        "This box has no identity, so nobody could tell whose certificate it is. Nothing was "
        "destroyed.",
        "Run `osteon first-boot identity`, then wipe.",
    ),
    "wipe-not-begun": Explanation(
        "No wipe is under way on this machine.",
        "Start one with `osteon wipe`, or look at the plan with `osteon wipe --plan`.",
    ),
    "wipe-operator-missing": Explanation(
        "A certificate needs the name of the person who wipes.",
        "Add `--operator NAME`.",
    ),
    "wipe-order-expired": Explanation(
        "The order's time is over, or it would be good for more than 30 days. Nothing was "
        "destroyed.",
        "Compare the clock of this machine; then have a new order signed.",
    ),
    "wipe-order-invalid": Explanation(
        "The file is no order to wipe that this version knows. Nothing was destroyed.",
        "Make it with `osteon wipe sign-order`.",
    ),
    "wipe-order-other-device": Explanation(
        "The order is for another box. Nothing was destroyed.",
        "Compare its device id with `osteon first-boot identity`.",
    ),
    "wipe-order-replayed": Explanation(
        "The order was used before; each is good for one attempt. Nothing was destroyed.",
        "Have a new order signed, and find out who sent this one again.",
    ),
    "wipe-serial-missing": Explanation(
        "A wipe needs the serial number, and nobody is there to type it. Nothing was destroyed.",
        "Run it on a terminal, add `--serial NUMBER`, or use a signed order.",
    ),
    "wipe-serial-wrong": Explanation(
        "What was typed is not the serial number of this box. Nothing was destroyed.",
        "Read it from the label on the case, or the first 16 digits of the device id from the "
        "hand-over sheet. Make sure that this is the box that is meant.",
    ),
    "wipe-signers-missing": Explanation(
        "This box knows nobody who may order a wipe. Nothing was destroyed.",
        "Wipe at the box itself, or put the public keys of who may order into "
        "/etc/osteon/wipe-signers.",
    ),
    "wipe-under-way": Explanation(
        "A wipe of this machine is running just now.",
        "Wait until it has ended.",
    ),
    "wipe-volume-unknown": Explanation(
        "The device is no LUKS2 volume with its header on it, or cryptsetup could not read it. "
        "Nothing was destroyed.",
        "Look at it with `lsblk` and `cryptsetup luksDump`; leave --volume out for one that is "
        "mounted.",
    ),
}
