"""A visit to the menu: the table of its states, and what each happening makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.screen.items import MENU, OFFERED, Access, Item, MenuLine
from appliance.screen.messages import Asked, Ended, Opened, PinWanted, Said
from appliance.screen.states import TABLE, Do, Event, State
from appliance.screen.terminal import keys_of
from appliance.screen.visit import PAGE_ROWS, Happening, Idle, Key, Lost, Tick, Visit, step

EVERYTHING = tuple(Item)
WAITING_FOR_NOBODY = {State.STATUS, State.WORKING}
"""What is not left when nobody is there: the status itself, and a job that goes on."""


def after(visit: Visit, *happenings: Happening, now: float = 0.0) -> tuple[Visit, list[Do]]:
    done = []
    for happening in happenings:
        visit, do = step(visit, happening, now)
        done.append(do)
    return visit, [do for do in done if do is not Do.NOTHING]


@pytest.mark.parametrize("state", sorted(set(State) - WAITING_FOR_NOBODY, key=lambda one: one.name))
def test_nobody_at_the_keyboard_closes_the_menu(state: State) -> None:
    assert TABLE[state, Event.IDLE][0] is State.STATUS


@pytest.mark.parametrize(
    "state", sorted(set(State) - {State.STATUS, State.CLOSED}, key=lambda one: one.name)
)
def test_a_session_that_is_gone_is_seen_in_every_state(state: State) -> None:
    assert TABLE[state, Event.LOST] == (State.CLOSED, Do.HANG_UP)


def test_the_status_is_reached_from_every_state_and_never_keeps_a_line_open() -> None:
    reached = {State.STATUS}
    while more := {old for (old, _), (new, _) in TABLE.items() if new in reached} - reached:
        reached |= more
    assert reached == set(State)
    for (old, _), (new, do) in TABLE.items():
        if new is State.STATUS and old is not State.CLOSED:
            assert do is Do.HANG_UP


def test_only_a_word_of_the_session_opens_the_menu() -> None:
    before = {State.STATUS, State.CALLING, State.PIN, State.HELD}
    ways = {
        event for (old, event), (new, _) in TABLE.items() if new is State.MENU and old in before
    }
    assert ways == {Event.OPENED}


def test_every_key_of_the_menu_is_its_own_and_every_item_is_offered_somewhere() -> None:
    keys = [line.key for line in MENU.values()]
    assert len(set(keys)) == len(keys) == len(Item)
    assert all(isinstance(line, MenuLine) and line.label.isascii() for line in MENU.values())
    assert set(OFFERED) == set(Access)
    assert {item for offered in OFFERED.values() for item in offered} == set(Item)
    makes_new = {access for access in Access if Item.MAKE_NEW in OFFERED[access]}
    assert makes_new == {Access.WIPED_IMAGE}


def test_from_the_status_through_the_pin_to_a_result() -> None:
    visit, done = after(Visit(), "x", Key.ESCAPE, Key.ENTER)
    assert (visit.state, done) == (State.CALLING, [Do.CALL])
    visit, _ = after(visit, PinWanted(0.0), *"27491", "6", "7", Key.ERASE)
    assert (visit.state, visit.typed) == (State.PIN, "274916")
    visit, done = after(visit, Key.ENTER)
    assert (visit.state, visit.typed, done) == (State.CALLING, "", [Do.SEND_PIN])
    visit, done = after(visit, Opened(EVERYTHING), "x", MENU[Item.CHECK].key)
    assert (visit.state, visit.item, done) == (State.WORKING, Item.CHECK, [Do.CHOOSE])
    visit, _ = after(visit, Said("one\ntwo"), Asked("sure?"), *"yes")
    assert (visit.state, visit.lines, visit.typed) == (State.QUESTION, ("one", "two"), "yes")
    visit, done = after(visit, Key.ENTER, Said("three"), Ended(is_done=False))
    assert (visit.state, visit.is_done, done) == (State.RESULT, False, [Do.ANSWER])
    assert visit.lines == ("sure? yes", "three")
    visit, done = after(visit, Opened(EVERYTHING), Key.ENTER, Key.ESCAPE)
    assert (visit, done) == (Visit(), [Do.HANG_UP])


def test_a_wrong_pin_holds_the_next_one_as_long_as_the_session_says() -> None:
    visit, _ = after(Visit(State.CALLING), PinWanted(15.0, "pin-wrong"), now=100.0)
    assert (visit.state, visit.held_until) == (State.HELD, 115.0)
    visit, done = after(visit, *"274916", Key.ENTER, Tick(), now=114.9)
    assert (visit.state, visit.typed, done) == (State.HELD, "", [])
    visit, _ = after(visit, Tick(), now=115.0)
    assert visit.state is State.PIN


def test_what_is_not_offered_cannot_be_chosen() -> None:
    menu = Visit(State.MENU, items=(Item.IMPORT, Item.IDENTITY))
    for item in set(Item) - {Item.IMPORT, Item.IDENTITY}:
        assert step(menu, MENU[item].key, 0.0) == (menu, Do.NOTHING)


def test_a_job_is_not_left_by_a_key_and_a_question_may_be_declined() -> None:
    working = Visit(State.WORKING, item=Item.CHECK)
    assert after(working, Key.ENTER, Key.ESCAPE, "x", Idle()) == (working, [])
    visit, done = after(working, Asked("sure?"), Key.ESCAPE)
    assert (visit.state, done) == (State.WORKING, [Do.DECLINE])


def test_every_page_of_a_long_result_is_read_before_the_menu_comes_back() -> None:
    lines = tuple(f"line {number}" for number in range(2 * PAGE_ROWS + 1))
    visit = Visit(State.RESULT, lines=lines, items=EVERYTHING)
    assert visit.pages == 3
    visit, _ = after(visit, Key.ENTER, Key.ENTER)
    assert (visit.state, visit.page) == (State.RESULT, 2)
    assert after(visit, Key.ENTER)[0].state is State.MENU


def test_what_does_not_fit_above_a_question_is_read_before_it() -> None:
    long = "\n".join(f"line {number}" for number in range(PAGE_ROWS + 1))
    visit, _ = after(Visit(State.WORKING, item=Item.WIPE), Said(long), Asked("sure?"), *"yes")
    assert (visit.state, visit.page, visit.typed) == (State.READING, 0, "")
    visit, done = after(visit, Key.ENTER)
    assert (visit.state, visit.page, done) == (State.READING, 1, [])
    assert after(visit, Key.ESCAPE)[1] == [Do.DECLINE]
    visit, done = after(visit, Key.ENTER, *"yes", Key.ENTER)
    assert (visit.state, visit.lines, done) == (State.WORKING, ("sure? yes",), [Do.ANSWER])


def test_a_session_that_ends_leaves_its_words_to_be_read() -> None:
    result = Visit(State.RESULT, lines=("It is in place.",), items=EVERYTHING)
    visit, _ = after(result, Lost())
    assert (visit.state, visit.lines, visit.items) == (State.CLOSED, ("It is in place.",), ())
    assert after(visit, Key.ENTER)[0] == Visit()
    for lost in (Lost(), Lost("menu-unreachable")):
        unreachable, _ = after(Visit(State.CALLING), lost)
        assert unreachable.lines[0].startswith("The menu does not answer.")


def test_more_than_fits_is_not_typed() -> None:
    visit, _ = after(Visit(State.QUESTION), *("x" * 500))
    assert len(visit.typed) == 80


@pytest.mark.parametrize(
    ("pressed", "keys"),
    [
        (b"a1 ", ("a", "1", " ")),
        (b"\r", (Key.ENTER,)),
        (b"12\n", ("1", "2", Key.ENTER)),
        (b"\x1b", (Key.ESCAPE,)),
        (b"\x1b[A", ()),
        (b"\x7f\x08", (Key.ERASE, Key.ERASE)),
        (b"\x03\x00\x1a\t", ()),
        ("漢é".encode(), ()),
    ],
)
def test_a_key_is_a_letter_or_one_of_three(pressed: bytes, keys: tuple[str | Key, ...]) -> None:
    assert keys_of(pressed) == keys


def test_nothing_typed_outlives_a_visit() -> None:
    typing = Visit(State.PIN, typed="2749")
    assert after(typing, Idle())[0] == Visit()
    assert after(replace(typing, state=State.QUESTION), Idle())[0] == Visit()
