"""What the screen shows, as lines of text: one function for each page. Pure.

Every page fits 80 columns and 25 rows of printable ASCII, whatever it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from appliance.error_catalogue import CATALOGUE
from appliance.error_catalogue.at_screen import hint_at_screen
from appliance.screen.idle_pages import IDLE_PAGES
from appliance.screen.items import MENU, Item
from appliance.screen.lines import LABEL, Line, Style, fact, time_text
from appliance.screen.states import State
from appliance.screen.status import Setting, StandingFault, Status, headline, reads
from appliance.screen.visit import PAGE_ROWS, QUESTION_ROWS, Visit
from appliance.screen.words import COLUMNS, ROWS, cut, folded, plain

_FAULTS_SECONDS: Final = 8
"""How long each page of faults stays, where there are more than fit."""
_FAULT_ROWS: Final = 8
_CAUSE_ROWS: Final = 2
_MOST_CASES: Final = 3
_MODEL_ROWS: Final = 2
_FEET: Final = {
    Setting.NONE: "Enter: import the configuration",
    Setting.CLOSED: "Enter: identity of this device",
    Setting.WIPED: "Enter: menu",
}
_FOOT: Final = "Enter: menu       Investigational, not for diagnosis: silence is no finding."


@dataclass(frozen=True, slots=True)
class Page:
    """25 rows. cursor: (row, column) from 0, where something is being typed."""

    lines: tuple[Line, ...]
    cursor: tuple[int, int] | None = None


def page_of(visit: Visit, status: Status, now: float) -> Page:
    """What to show. now: monotonic seconds, for what counts down."""
    head = (_head(status), Line("-" * COLUMNS))
    if visit.state is State.STATUS:
        return _page((*head, *_status(status)), _foot(status))
    return _PAGES[visit.state](head, visit, now)


def _page(lines: tuple[Line, ...], foot: str = "") -> Page:
    """The lines from the top, the foot in the last row, which is left free to its right."""
    body = list(lines[: ROWS - 1])
    body += [Line()] * (ROWS - 1 - len(body))
    return Page((*body, Line(cut(foot, COLUMNS - 1), Style.BOLD)))


def _head(status: Status) -> Line:
    name = f" {status.site}" if status.site.isascii() else ""  # a console has no Chinese
    when = time_text(status.now, status.time_zone, "%Y-%m-%d %H:%M:%S %Z")
    left = cut(f"OSTEON{name}", COLUMNS - len(when) - 2)
    return Line(f"{left:<{COLUMNS - len(when)}}{plain(when)}", Style.BOLD)


# --- the status --------------------------------------------------------------------------------


def _status(status: Status) -> Iterator[Line]:
    said = headline(status)
    style = Style.ALARM if said.is_alarm else Style.BOLD
    for row in folded(said.text, COLUMNS - 2):
        yield Line(f" {row:<{COLUMNS - 2}} ", style)
    yield Line()
    if status.setting is Setting.NONE and status.faults:
        # Before what to do: somebody has done it, and waits to hear why it did not help.
        yield from _faults(status)
        yield Line()
        yield from IDLE_PAGES[status.setting](status)
        return
    if status.setting in IDLE_PAGES:
        yield from IDLE_PAGES[status.setting](status)
        if status.faults:
            yield Line()
            yield from _faults(status)
        return
    yield from _facts(status)
    yield Line()
    yield from _faults(status)


def _facts(status: Status) -> Iterator[Line]:
    listener = status.listener
    if listener is not None:
        addresses = ", ".join(listener.addresses) or "NONE: is the network cable in?"
        yield fact("Address", addresses)
        opened = {True: "open", False: "NOT OPEN", None: "not known"}[listener.is_open]
        tls = f", with TLS {listener.tls_port}" if listener.tls_port else ""
        yield fact("AE title", f"{listener.ae_title}     port {listener.port} ({opened}){tls}")
    models = "; ".join(
        f"{each.name} {each.version}{'' if reads(each) else ' FAILS'}" for each in status.models
    )
    yield fact("Version", f"Osteon {status.software}")
    rows = folded(models or "none has run yet", COLUMNS - LABEL)
    for number, row in enumerate(rows[:_MODEL_ROWS]):
        yield fact("" if number else "Models", row)
    yield fact("Last study", _last(status))
    if status.waiting:
        cases = ", ".join(status.waiting[:_MOST_CASES])
        more = len(status.waiting) - _MOST_CASES
        text = f"{len(status.waiting)} unacknowledged: {cases}"
        yield fact("Waiting", f"{text} and {more} more" if more > 0 else text, Style.BOLD)
    if status.under_way:
        yield fact("Under way", f"{status.under_way}")


def _last(status: Status) -> str:
    last = status.last
    if last is None:
        return "none yet"
    told = last.outcome.value if last.outcome is not None else last.state
    waits = ", NOT ACKNOWLEDGED" if last.case in status.waiting else ""
    return f"{last.case}  {told}{waits}  {time_text(last.at, status.time_zone, '%m-%d %H:%M')}"


def _faults(status: Status) -> Iterator[Line]:
    if not status.faults:
        yield Line("No faults.")
        return
    pages = tuple(_fault_pages(status))
    turn = int(status.now // _FAULTS_SECONDS) % len(pages)
    which = f", page {turn + 1} of {len(pages)}" if len(pages) > 1 else ""
    yield Line(f"Faults: {len(status.faults)}{which}", Style.BOLD)
    yield from pages[turn]


def _fault_pages(status: Status) -> Iterator[tuple[Line, ...]]:
    """As many whole faults a page as there is room for."""
    page: tuple[Line, ...] = ()
    for fault in status.faults:
        lines = tuple(_fault(fault, status.time_zone))
        if page and len(page) + len(lines) > _FAULT_ROWS:
            yield page
            page = ()
        page += lines
    yield page


def _fault(fault: StandingFault, zone: str) -> Iterator[Line]:
    since = "" if fault.since is None else f", since {time_text(fault.since, zone, '%m-%d %H:%M')}"
    about = f"  {fault.about}" if fault.about else ""
    yield Line(cut(f" {fault.code}{about}{since}"), Style.BOLD)
    if fault.found is not None:
        known = CATALOGUE.get(fault.code)
        for text in (fault.found, known.meaning if known is not None else ""):
            yield from map(Line, folded(f"   {text}", COLUMNS, "   ")[:_CAUSE_ROWS] if text else ())
    hint = hint_at_screen(fault.code) or "See errors.md in the manual."
    yield from (Line(row) for row in folded(f"   to do: {hint}", COLUMNS, "   "))


def _foot(status: Status) -> str:
    return _FEET.get(status.setting, _FOOT)


# --- a visit to the menu -----------------------------------------------------------------------


def _calling(head: tuple[Line, ...], _visit: Visit, _now: float) -> Page:
    return _page((*head, Line(), Line("One moment ...")))


def _noted(visit: Visit) -> Iterator[Line]:
    yield Line()
    if visit.note:
        for row in folded(visit.note):
            yield Line(row, Style.BOLD)
        yield Line()


def _pin(head: tuple[Line, ...], visit: Visit, _now: float) -> Page:
    typed = f"PIN of this site: {'*' * len(visit.typed)}"
    return _typing((*head, *_noted(visit)), cut(typed), "Enter: go on     Esc: leave")


def _held(head: tuple[Line, ...], visit: Visit, now: float) -> Page:
    wait = f"A PIN is taken again in {_duration(math.ceil(max(0.0, visit.held_until - now)))}."
    return _page((*head, *_noted(visit), Line(wait)), "Esc: leave")


def _menu(head: tuple[Line, ...], visit: Visit, _now: float) -> Page:
    offered = (f"  {MENU[item].key}  {MENU[item].label}" for item in Item if item in visit.items)
    lines = (Line(text) for text in offered)
    return _page((*head, *_noted(visit), *lines), "Esc: leave the menu")


def _working(head: tuple[Line, ...], visit: Visit, _now: float) -> Page:
    newest = (Line(cut(text)) for text in visit.lines[-PAGE_ROWS:])
    return _page((*head, *_title(visit), *newest), "Under way ...")


def _question(head: tuple[Line, ...], visit: Visit, _now: float) -> Page:
    asked = tuple(Line(row, Style.BOLD) for row in folded(visit.question))
    said = (Line(cut(text)) for text in visit.lines[-QUESTION_ROWS:])
    # What is longer than a row shows its end, where it is typed.
    typed = f"> {plain(visit.typed[-(COLUMNS - 4) :])}"
    above = (*head, *_title(visit), *said, Line(), *asked)
    return _typing(above, typed, "Enter: go on     Esc: rather not")


def _reading(head: tuple[Line, ...], visit: Visit, _now: float) -> Page:
    start = visit.page * PAGE_ROWS
    lines = (Line(cut(text)) for text in visit.lines[start : start + PAGE_ROWS])
    back = _BEHIND[visit.state]
    foot = "" if visit.is_done else "NOT DONE.  "
    if visit.page + 1 < visit.pages:
        foot += f"Page {visit.page + 1} of {visit.pages}. Enter: next page"
    else:
        foot += f"Enter: {back}"
    return _page((*head, *_title(visit), *lines), foot)


_BEHIND: Final = {
    State.READING: "go on     Esc: rather not",
    State.RESULT: "the menu",
    State.CLOSED: "the status",
}


def _title(visit: Visit) -> Iterator[Line]:
    yield Line(MENU[visit.item].label if visit.item else "", Style.BOLD)
    yield Line()


def _typing(above: tuple[Line, ...], typed: str, foot: str) -> Page:
    page = _page((*above, Line(typed)), foot)
    return Page(page.lines, (len(above), len(typed)))


_PAGES: Final[dict[State, Callable[[tuple[Line, ...], Visit, float], Page]]] = {
    State.CALLING: _calling,
    State.PIN: _pin,
    State.HELD: _held,
    State.MENU: _menu,
    State.WORKING: _working,
    State.READING: _reading,
    State.QUESTION: _question,
    State.RESULT: _reading,
    State.CLOSED: _reading,
}


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
