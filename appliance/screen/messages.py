"""What the screen and a session tell one another: one packet a message, of a local socket.

No message holds anything of a patient: the session says nothing that a command would not print for
the group `osteon`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from appliance.screen.items import Item

# --- from the screen ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN that was typed; never shown, kept or written anywhere."""

    digits: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An item of the menu."""

    item: Item


@dataclass(frozen=True, slots=True)
class Answer:
    """What was typed to a question; None: the person would rather not."""

    text: str | None


# --- from the session --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PinWanted:
    """wait_s: how long none is taken. code: why the last one was refused; empty at first."""

    wait_s: float
    code: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """The menu is open, with these items. note: what to know about it; mostly empty."""

    items: tuple[Item, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One or more lines of what is being done."""

    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a person has to type."""

    question: str


@dataclass(frozen=True, slots=True)
class Ended:
    """What was chosen is done, or was not done."""

    is_done: bool


FromScreen = Pin | Choice | Answer
FromSession = PinWanted | Opened | Said | Asked | Ended

FROM_SCREEN: Final[tuple[type[FromScreen], ...]] = (Pin, Choice, Answer)
FROM_SESSION: Final[tuple[type[FromSession], ...]] = (PinWanted, Opened, Said, Asked, Ended)
