"""Where a visit to the technician's menu stands, as one table. Everything that moves it is here."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class State(Enum):
    """What the screen shows and waits for."""

    STATUS = auto()
    """How the box stands: whenever nobody does anything."""
    CALLING = auto()
    """The session has been asked something, and has to say who may."""
    PIN = auto()
    HELD = auto()
    """A wrong PIN was typed lately: none is taken for a while."""
    MENU = auto()
    WORKING = auto()
    READING = auto()
    """A question is to be answered, and what was said before it takes more than a page."""
    QUESTION = auto()
    RESULT = auto()
    CLOSED = auto()
    """The session has ended; what it said last is still to be read."""


class Event(Enum):
    """What happens: a key, a word of the session, or nothing for long."""

    ENTER = auto()
    ESCAPE = auto()
    ITEM = auto()
    """The key of an item that the menu offers."""
    MORE = auto()
    """ENTER, while there is another page to read."""
    IDLE = auto()
    WAITED = auto()
    """The time in which no PIN is taken is over."""
    PIN_WANTED = auto()
    PIN_HELD = auto()
    OPENED = auto()
    SAID = auto()
    ASKED = auto()
    ASKED_AT_LENGTH = auto()
    """Asked, behind more than fits above a question."""
    ENDED = auto()
    LOST = auto()
    """There is no session, or not any more."""


class Do(Enum):
    """What the screen does about it."""

    NOTHING = auto()
    CALL = auto()
    SEND_PIN = auto()
    CHOOSE = auto()
    ANSWER = auto()
    DECLINE = auto()
    HANG_UP = auto()


TABLE: Final[dict[tuple[State, Event], tuple[State, Do]]] = {
    (State.STATUS, Event.ENTER): (State.CALLING, Do.CALL),
    (State.CALLING, Event.PIN_WANTED): (State.PIN, Do.NOTHING),
    (State.CALLING, Event.PIN_HELD): (State.HELD, Do.NOTHING),
    (State.CALLING, Event.OPENED): (State.MENU, Do.NOTHING),
    (State.CALLING, Event.IDLE): (State.STATUS, Do.HANG_UP),
    (State.CALLING, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.PIN, Event.ENTER): (State.CALLING, Do.SEND_PIN),
    (State.PIN, Event.ESCAPE): (State.STATUS, Do.HANG_UP),
    (State.PIN, Event.IDLE): (State.STATUS, Do.HANG_UP),
    (State.PIN, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.HELD, Event.WAITED): (State.PIN, Do.NOTHING),
    (State.HELD, Event.ESCAPE): (State.STATUS, Do.HANG_UP),
    (State.HELD, Event.IDLE): (State.STATUS, Do.HANG_UP),
    (State.HELD, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.MENU, Event.ITEM): (State.WORKING, Do.CHOOSE),
    (State.MENU, Event.ESCAPE): (State.STATUS, Do.HANG_UP),
    (State.MENU, Event.IDLE): (State.STATUS, Do.HANG_UP),
    (State.MENU, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.WORKING, Event.SAID): (State.WORKING, Do.NOTHING),
    (State.WORKING, Event.ASKED): (State.QUESTION, Do.NOTHING),
    (State.WORKING, Event.ASKED_AT_LENGTH): (State.READING, Do.NOTHING),
    (State.WORKING, Event.ENDED): (State.RESULT, Do.NOTHING),
    (State.WORKING, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.READING, Event.MORE): (State.READING, Do.NOTHING),
    (State.READING, Event.ENTER): (State.QUESTION, Do.NOTHING),
    (State.READING, Event.ESCAPE): (State.WORKING, Do.DECLINE),
    (State.READING, Event.IDLE): (State.STATUS, Do.HANG_UP),
    (State.READING, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.QUESTION, Event.ENTER): (State.WORKING, Do.ANSWER),
    (State.QUESTION, Event.ESCAPE): (State.WORKING, Do.DECLINE),
    (State.QUESTION, Event.IDLE): (State.STATUS, Do.HANG_UP),
    (State.QUESTION, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.RESULT, Event.MORE): (State.RESULT, Do.NOTHING),
    (State.RESULT, Event.ENTER): (State.MENU, Do.NOTHING),
    (State.RESULT, Event.ESCAPE): (State.MENU, Do.NOTHING),
    (State.RESULT, Event.IDLE): (State.STATUS, Do.HANG_UP),
    (State.RESULT, Event.LOST): (State.CLOSED, Do.HANG_UP),
    (State.CLOSED, Event.MORE): (State.CLOSED, Do.NOTHING),
    (State.CLOSED, Event.ENTER): (State.STATUS, Do.NOTHING),
    (State.CLOSED, Event.ESCAPE): (State.STATUS, Do.NOTHING),
    (State.CLOSED, Event.IDLE): (State.STATUS, Do.NOTHING),
}
"""What is not in it changes nothing."""
