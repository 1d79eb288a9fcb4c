"""A visit to the menu, one step at a time: what was, what happened, what is then and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from appliance.error_catalogue import CATALOGUE
from appliance.error_catalogue.at_screen import hint_at_screen
from appliance.screen.items import MENU, Item
from appliance.screen.messages import Asked, Ended, FromSession, Opened, PinWanted, Said
from appliance.screen.states import TABLE, Do, Event, State
from appliance.screen.words import folded

PAGE_ROWS: Final = 18
"""Lines of a job's words on one page."""
QUESTION_ROWS: Final = 14
"""Lines that fit above a question."""
_MOST_TYPED: Final = 80
_MOST_LINES: Final = 2000
_WIDTH: Final = 78


class Key(Enum):
    """A key that is no letter."""

    ENTER = auto()
    ESCAPE = auto()
    ERASE = auto()


@dataclass(frozen=True, slots=True)
class Lost:
    """The session is gone. code: why; empty where it simply ended."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nobody has touched a key for long."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Some time has gone by."""


Happening = str | Key | FromSession | Lost | Idle | Tick
"""A letter, another key, a word of the session, or time."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where it stands.

    typed: what stands behind the cursor. lines: what the job has said, folded. page: from 0.
    held_until: monotonic second. note: one line above the menu or the PIN.
    """

    state: State = State.STATUS
    typed: str = ""
    items: tuple[Item, ...] = ()
    item: Item | None = None
    question: str = ""
    lines: tuple[str, ...] = ()
    page: int = 0
    held_until: float = 0.0
    note: str = ""
    is_done: bool = True

    @property
    def pages(self) -> int:
        """How many pages the lines take; at least one."""
        return max(1, -(-len(self.lines) // PAGE_ROWS))


def step(visit: Visit, happening: Happening, now: float) -> tuple[Visit, Do]:
    """What a happening makes of a visit. now: monotonic seconds."""
    typed = _edited(visit, happening)
    if typed is not None:
        return replace(visit, typed=typed), Do.NOTHING
    event = _event(visit, happening, now)
    moved = TABLE.get((visit.state, event)) if event is not None else None
    if event is None or moved is None:
        return visit, Do.NOTHING
    state, do = moved
    after = replace(visit, state=state)
    if state is State.STATUS:
        return Visit(), do
    return _with(after, event, happening, now), do


def _edited(visit: Visit, happening: Happening) -> str | None:
    """The text after a letter or an erased one; None where there is nothing to type into."""
    if visit.state not in {State.PIN, State.QUESTION}:
        return None
    if happening is Key.ERASE:
        return visit.typed[:-1]
    if isinstance(happening, str) and len(visit.typed) < _MOST_TYPED:
        return visit.typed + happening
    return None


_KEYS: Final = {Key.ENTER: Event.ENTER, Key.ESCAPE: Event.ESCAPE}
_WORDS: Final[dict[type, Event]] = {
    Opened: Event.OPENED,
    Said: Event.SAID,
    Ended: Event.ENDED,
    Lost: Event.LOST,
    Idle: Event.IDLE,
}


def _event(visit: Visit, happening: Happening, now: float) -> Event | None:
    if isinstance(happening, Key):
        is_read = visit.state in {State.READING, State.RESULT, State.CLOSED}
        is_more = is_read and visit.page + 1 < visit.pages
        return Event.MORE if is_more and happening is Key.ENTER else _KEYS.get(happening)
    if isinstance(happening, PinWanted):
        return Event.PIN_HELD if happening.wait_s > 0 else Event.PIN_WANTED
    if isinstance(happening, Asked):
        return Event.ASKED_AT_LENGTH if len(visit.lines) > QUESTION_ROWS else Event.ASKED
    if isinstance(happening, Tick):
        is_over = visit.state is State.HELD and now >= visit.held_until
        return Event.WAITED if is_over else None
    if isinstance(happening, str):
        return Event.ITEM if _chosen(visit, happening) else None
    return _WORDS[type(happening)]


def _chosen(visit: Visit, letter: str) -> Item | None:
    return next((item for item in visit.items if MENU[item].key == letter.lower()), None)


def _with(after: Visit, event: Event, happening: Happening, now: float) -> Visit:
    """The rest of what a step changes, beside the state."""
    if isinstance(happening, str):
        chosen = _chosen(after, happening)
        return replace(after, item=chosen, lines=(), page=0, question="", is_done=True)
    if event is Event.MORE:
        return replace(after, page=after.page + 1)
    if event is Event.WAITED:
        return replace(after, typed="")
    if event is Event.ENTER and after.state is State.WORKING:
        # What was said before has been read: what follows begins at the top of a page.
        return replace(after, lines=_lines(f"{after.question} {after.typed}"), typed="")
    if event is Event.ENTER:
        return replace(after, typed="")
    return _told(after, happening, now)


def _told(after: Visit, happening: Happening, now: float) -> Visit:
    """What a word of the session changes, and its end."""
    match happening:
        case PinWanted(wait_s=wait_s, code=code):
            note = CATALOGUE[code].meaning if code in CATALOGUE else ""
            after = replace(after, typed="", held_until=now + wait_s, note=note)
        case Opened(items=items, note=note):
            after = replace(after, typed="", items=items, note=note)
        case Said(text=text):
            after = replace(after, lines=(*after.lines, *_lines(text))[-_MOST_LINES:])
        case Asked(question=question):
            after = replace(after, typed="", question=question, page=0)
        case Ended(is_done=is_done):
            after = replace(after, page=0, is_done=is_done)
        case Lost(code=code):
            # Systemd hangs up at once where somebody is in the menu already.
            if not (code or after.items or after.lines):
                code = "menu-unreachable"
            said = _lines(f"{CATALOGUE[code].meaning} {hint_at_screen(code)}") if code else ()
            after = replace(after, lines=(*after.lines, *said), typed="", items=())
        case _:
            pass
    return after


def _lines(text: str) -> tuple[str, ...]:
    return tuple(row for line in text.splitlines() for row in folded(line, _WIDTH, "  "))
