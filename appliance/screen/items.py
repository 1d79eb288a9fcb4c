"""What the menu offers, by which key, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Item(StrEnum):
    """One thing that the menu does."""

    CHECK = "check"
    IMPORT = "import"
    STUDIES = "studies"
    ACKNOWLEDGE = "acknowledge"
    ROLL_BACK = "roll-back"
    SUPPORT_BUNDLE = "support-bundle"
    HAND_OVER = "hand-over"
    IDENTITY = "identity"
    WIPE = "wipe"


@dataclass(frozen=True, slots=True)
class MenuLine:
    """How an item stands in the menu."""

    key: str
    label: str


MENU: Final[dict[Item, MenuLine]] = {
    Item.CHECK: MenuLine("1", "Check everything that the box needs"),
    Item.IMPORT: MenuLine("2", "Import the configuration from a stick"),
    Item.STUDIES: MenuLine("3", "Studies: the newest, by case code"),
    Item.ACKNOWLEDGE: MenuLine("4", "Acknowledge an alert"),
    Item.ROLL_BACK: MenuLine("5", "Roll a model back to the version before"),
    Item.SUPPORT_BUNDLE: MenuLine("6", "Support bundle for the maker, onto a stick"),
    Item.HAND_OVER: MenuLine("7", "Hand-over sheet, onto a stick or a printer"),
    Item.IDENTITY: MenuLine("8", "Identity of this device"),
    Item.WIPE: MenuLine("9", "WIPE: destroy all patient data of this box"),
}


class Access(StrEnum):
    """How one comes to the menu of this box."""

    PIN = "pin"
    NO_PIN = "no-pin"
    """The site YAML names none, or cannot be read: only what is signed is taken."""
    NOT_SET_UP = "not-set-up"
    """No person has given the box a site YAML yet, so nobody has set a PIN."""


OFFERED: Final[dict[Access, frozenset[Item]]] = {
    Access.PIN: frozenset(Item),
    Access.NO_PIN: frozenset({Item.IMPORT, Item.IDENTITY}),
    Access.NOT_SET_UP: frozenset({Item.IMPORT, Item.IDENTITY}),
}


def item_of(key: str) -> Item | None:
    """The item that a key chooses."""
    return next((item for item, line in MENU.items() if line.key == key), None)
