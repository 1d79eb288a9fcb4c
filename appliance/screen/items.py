"""What the menu offers, by which key, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Item(StrEnum):
    """One thing that the menu does."""

    CHECK = "check"
    PROVE = "prove"
    IMPORT = "import"
    STUDIES = "studies"
    TIMELINE = "timeline"
    ACKNOWLEDGE = "acknowledge"
    ACCEPT = "accept"
    ROLL_BACK = "roll-back"
    SUPPORT_BUNDLE = "support-bundle"
    HAND_OVER = "hand-over"
    IDENTITY = "identity"
    UPDATE = "update"
    HISTORY = "history"
    GO_BACK = "go-back"
    ENROL = "enrol-signer"
    WITHDRAW = "withdraw-signer"
    ROTATE_KEY = "rotate-key"
    VERIFY = "verify-audit"
    WIPE = "wipe"
    CERTIFICATE = "certificate"
    MAKE_NEW = "make-new"


@dataclass(frozen=True, slots=True)
class MenuLine:
    """How an item stands in the menu."""

    key: str
    label: str


MENU: Final[dict[Item, MenuLine]] = {
    Item.CHECK: MenuLine("1", "Check everything that the box needs"),
    Item.PROVE: MenuLine("0", "Let it prove itself: a made-up study, test mail, test page"),
    Item.IMPORT: MenuLine("2", "Import the configuration from a stick"),
    Item.STUDIES: MenuLine("3", "Studies: the newest, by case code"),
    Item.TIMELINE: MenuLine("t", "Timeline of one study, by its case code"),
    Item.ACKNOWLEDGE: MenuLine("4", "Acknowledge an alert"),
    Item.ACCEPT: MenuLine("a", "Accept a model: measure it on the site's own labelled images"),
    Item.ROLL_BACK: MenuLine("5", "Roll a model back to the version before"),
    Item.SUPPORT_BUNDLE: MenuLine("6", "Support bundle for the maker, onto a stick"),
    Item.HAND_OVER: MenuLine("7", "Hand-over sheet, onto a stick or a printer"),
    Item.IDENTITY: MenuLine("8", "Identity of this device"),
    Item.UPDATE: MenuLine("u", "Update from the maker's stick: models, and the system"),
    Item.HISTORY: MenuLine("h", "History of the updates, and how they stand"),
    Item.GO_BACK: MenuLine("s", "System: back to the version before"),
    Item.ENROL: MenuLine("k", "Key of somebody who may sign the configuration, from a stick"),
    Item.WITHDRAW: MenuLine("w", "Withdraw a key, so that its owner signs no more"),
    Item.ROTATE_KEY: MenuLine("r", "Rotate the key of all studies"),
    Item.VERIFY: MenuLine("v", "Verify that nobody touched the audit trail"),
    Item.WIPE: MenuLine("9", "WIPE: destroy all patient data of this box"),
    Item.CERTIFICATE: MenuLine("c", "Certificate of the wipe, onto a stick"),
    Item.MAKE_NEW: MenuLine("n", "Factory reset: make this box new"),
}


class Access(StrEnum):
    """How one comes to the menu of this box."""

    PIN = "pin"
    NO_PIN = "no-pin"
    """The site YAML names none, or cannot be read: only what is signed is taken."""
    NOT_SET_UP = "not-set-up"
    """No person has given the box a site YAML yet, so nobody has set a PIN."""
    CLOSED = "closed"
    """What it stores on is not mounted: nobody can tell the PIN, and nothing can be changed."""
    WIPED = "wiped"
    """All that a PIN would protect is gone, and so is the PIN."""
    WIPED_IMAGE = "wiped-image"
    """The same on a box that was flashed with the image, which can make itself new."""


OFFERED: Final[dict[Access, frozenset[Item]]] = {
    Access.PIN: frozenset(Item) - {Item.CERTIFICATE, Item.MAKE_NEW},
    Access.NO_PIN: frozenset({Item.IMPORT, Item.IDENTITY}),
    Access.NOT_SET_UP: frozenset({Item.IMPORT, Item.IDENTITY}),
    Access.CLOSED: frozenset({Item.IDENTITY}),
    Access.WIPED: frozenset({Item.IDENTITY, Item.CERTIFICATE}),
    Access.WIPED_IMAGE: frozenset({Item.IDENTITY, Item.CERTIFICATE, Item.MAKE_NEW}),
}
