"""The session behind the screen: wrong PINs wait ever longer, and all of it is on the record."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from appliance.audit.events import REPORTED, AuditEvent, AuditKind
from appliance.config.pin import hash_of, is_pin
from appliance.config.values import _pin_hash
from appliance.errors import StorageError, UsageError
from appliance.screen.attempts import (
    LOCKS_FROM,
    WAITS_S,
    Attempts,
    AttemptsFile,
    failed,
    this_boot,
    wait_left,
)
from appliance.screen.items import OFFERED, Access, Item
from appliance.screen.line import Line
from appliance.screen.messages import (
    FROM_SESSION,
    Answer,
    Asked,
    Choice,
    Ended,
    FromSession,
    Opened,
    Pin,
    PinWanted,
    Said,
)
from appliance.screen.session import Act, Dialogue, Entrance, Session
from tests.simulators.clock import ManualClock

PIN, WRONG = "274916", "111113"
CHEAP = Argon2id(salt=b"0123456789abcdef", length=32, iterations=1, lanes=1, memory_cost=64)
HASH = CHEAP.derive_phc_encoded(PIN.encode())
"""Weaker than the schema takes, and quick."""


@dataclass
class Box:
    """What a session runs on; a visit to it is `visiting`."""

    folder: Path
    access: Access = Access.PIN
    pin_hash: str | None = HASH
    clock: ManualClock = field(default_factory=ManualClock)
    recorded: list[AuditEvent] = field(default_factory=list)
    acted: list[Item] = field(default_factory=list)
    is_recording: bool = True
    act: Act = field(default=lambda dialogue: dialogue.say("done"))

    def entrance(self) -> Entrance:
        has_pin = self.access is Access.PIN
        return Entrance(self.access, self.pin_hash if has_pin else None, self.folder)

    def record(self, event: AuditEvent) -> bool:
        self.recorded.append(event)
        return self.is_recording

    def act_of(self, item: Item) -> Act:
        self.acted.append(item)
        return self.act

    @property
    def trail(self) -> list[tuple[str, str, bool]]:
        return [(each.kind.value, each.detail, each.is_success) for each in self.recorded]


@dataclass
class Visitor:
    line: Line

    def hear(self) -> FromSession | None:
        return self.line.receive(FROM_SESSION, 60.0)

    def try_pin(self, digits: str) -> FromSession | None:
        self.line.send(Pin(digits))
        return self.hear()


@contextmanager
def visiting(box: Box) -> Iterator[Visitor]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    session = Session(Dialogue(Line(theirs)), box.entrance, box.act_of, box.record, box.clock)

    def play() -> None:
        with theirs:
            session.run()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        with ours:
            yield Visitor(Line(ours))
    finally:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "menu")


def test_the_right_pin_opens_the_menu_and_that_is_recorded(box: Box) -> None:
    with visiting(box) as visitor:
        assert visitor.hear() == PinWanted(0.0)
        offered = tuple(item for item in Item if item in OFFERED[Access.PIN])
        assert visitor.try_pin(PIN) == Opened(offered)
    assert box.trail == [("menu-entered", "pin", True), ("menu-left", "", True)]
    assert {each.actor for each in box.recorded} == {"technician at the screen"}


def test_each_wrong_pin_waits_longer_and_none_is_looked_at_too_early(box: Box) -> None:
    with visiting(box) as visitor:
        visitor.hear()
        for wait in (*WAITS_S, WAITS_S[-1]):
            answer = visitor.try_pin(WRONG)
            assert isinstance(answer, PinWanted)
            assert answer.wait_s == pytest.approx(wait)
            # The right one neither, until the time is over.
            early = visitor.try_pin(PIN)
            assert isinstance(early, PinWanted)
            assert early.code == "pin-too-early"
            box.clock.advance(wait)
        assert isinstance(visitor.try_pin(PIN), Opened)
    refusals = [detail for kind, detail, ok in box.trail if kind == "menu-entered" and not ok]
    assert refusals.count("pin-wrong") == LOCKS_FROM - 1
    assert refusals.count("pin-locked") == len(WAITS_S) + 1 - (LOCKS_FROM - 1)
    assert refusals.count("pin-too-early") == len(WAITS_S) + 1


def test_the_wait_outlives_the_session_and_is_over_after_the_right_pin(box: Box) -> None:
    with visiting(box) as visitor:
        visitor.hear()
        for _ in range(4):
            visitor.try_pin(WRONG)
            box.clock.advance(20)
        visitor.try_pin(WRONG)
    with visiting(box) as visitor:
        held = visitor.hear()
        assert isinstance(held, PinWanted)
        assert held.wait_s == pytest.approx(60.0)
        box.clock.advance(60)
        assert isinstance(visitor.try_pin(PIN), Opened)
    with visiting(box) as visitor:
        assert visitor.hear() == PinWanted(0.0)


def test_a_plug_that_is_pulled_while_a_pin_is_looked_at_saves_no_attempt(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []

    def look(_typed: str, _hash: str) -> bool:
        counted.append(AttemptsFile(box.folder).read().failures)
        return False

    monkeypatch.setattr("appliance.screen.session.is_pin", look)
    with visiting(box) as visitor:
        visitor.hear()
        visitor.try_pin(WRONG)
    assert counted == [1]


def test_after_a_restart_the_wait_begins_anew_whatever_the_clock_says() -> None:
    locked = Attempts(failures=6, boot="the last one", at=90_000.0)
    assert wait_left(locked, "this one", 10.0) == 290.0
    assert wait_left(locked, "this one", 300.0) == 0.0
    assert wait_left(locked, "the last one", 90_100.0) == 200.0
    assert wait_left(Attempts(), "this one", 0.0) == 0.0
    assert failed(locked, "this one", 5.0) == Attempts(7, "this one", 5.0)


def test_a_count_that_makes_no_sense_is_the_worst_one(box: Box) -> None:
    box.folder.mkdir()
    (box.folder / "attempts.json").write_bytes(b'{"failures": "none"}')
    assert AttemptsFile(box.folder).read().failures == len(WAITS_S)
    assert this_boot()


def test_where_it_cannot_be_counted_no_pin_is_looked_at(box: Box) -> None:
    box.folder.parent.joinpath("menu").write_text("in the way")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, pytest.raises(StorageError):
        Session(Dialogue(Line(theirs)), box.entrance, box.act_of, box.record, box.clock).run()


WITHOUT_PIN = {
    Access.NO_PIN: (Item.IMPORT, Item.IDENTITY),
    Access.NOT_SET_UP: (Item.IMPORT, Item.IDENTITY),
    Access.CLOSED: (Item.IDENTITY,),
    Access.WIPED: (Item.IDENTITY, Item.CERTIFICATE),
    Access.WIPED_IMAGE: (Item.IDENTITY, Item.CERTIFICATE, Item.MAKE_NEW),
}


@pytest.mark.parametrize("access", sorted(set(Access) - {Access.PIN}))
def test_without_a_pin_only_what_needs_none_is_there(box: Box, access: Access) -> None:
    box.access = access
    for refused in set(Item) - set(WITHOUT_PIN[access]):
        with visiting(box) as visitor:
            opened = visitor.hear()
            assert isinstance(opened, Opened)
            assert opened.items == WITHOUT_PIN[access]
            assert opened.note
            visitor.line.send(Choice(refused))
            assert visitor.hear() is None
    assert box.acted == []


def test_a_box_that_was_not_wiped_is_never_made_new_by_its_menu(box: Box) -> None:
    with visiting(box) as visitor:
        visitor.hear()
        opened = visitor.try_pin(PIN)
        assert isinstance(opened, Opened)
        assert not {Item.MAKE_NEW, Item.CERTIFICATE} & set(opened.items)
        visitor.line.send(Choice(Item.MAKE_NEW))
        assert visitor.hear() is None
    assert box.acted == []


def test_an_act_is_recorded_before_it_is_done_and_its_failure_after(box: Box) -> None:
    def fail(dialogue: Dialogue) -> None:
        assert box.trail[-1] == ("menu-action", "acknowledge", True)
        dialogue.say(dialogue.ask("which?"))
        raise UsageError("case-unknown")

    box.act = fail
    with visiting(box) as visitor:
        visitor.hear()
        visitor.try_pin(PIN)
        visitor.line.send(Choice(Item.ACKNOWLEDGE))
        assert visitor.hear() == Asked("which?")
        visitor.line.send(Answer("K7Q-3MF2"))
        assert visitor.hear() == Said("K7Q-3MF2")
        assert visitor.hear() == Said("case-unknown")
        hint = visitor.hear()
        assert isinstance(hint, Said)
        assert "To do:" in hint.text
        assert visitor.hear() == Ended(is_done=False)
        assert isinstance(visitor.hear(), Opened)
    assert ("menu-action", "acknowledge case-unknown", False) in box.trail


def test_a_mistake_of_the_program_is_told_and_names_only_its_kind(box: Box) -> None:
    def crash(_dialogue: Dialogue) -> None:
        raise ValueError("Li^Mei")

    box.act = crash
    with visiting(box) as visitor:
        visitor.hear()
        visitor.try_pin(PIN)
        visitor.line.send(Choice(Item.CHECK))
        assert visitor.hear() == Said("menu-act-failed: ValueError")
        visitor.hear()
        assert visitor.hear() == Ended(is_done=False)
    assert "Li^Mei" not in str(box.recorded)


def _decline(visitor: Visitor) -> None:
    visitor.line.send(Answer(None))
    assert visitor.hear() == Said("Left off; nothing more was done.")
    assert visitor.hear() == Ended(is_done=False)


def _leave(visitor: Visitor) -> None:
    visitor.line.close()


@pytest.mark.parametrize(("leave", "code"), [(_decline, "wipe declined"), (_leave, "wipe hung-up")])
def test_who_leaves_off_is_recorded(box: Box, leave: Callable[[Visitor], None], code: str) -> None:
    box.act = lambda dialogue: dialogue.say(dialogue.ask("serial?"))
    with visiting(box) as visitor:
        visitor.hear()
        visitor.try_pin(PIN)
        visitor.line.send(Choice(Item.WIPE))
        assert visitor.hear() == Asked("serial?")
        leave(visitor)
    assert ("menu-action", code, False) in box.trail
    assert box.trail[-1] == ("menu-left", "", True)


def test_what_is_not_in_the_trail_is_told(box: Box) -> None:
    box.is_recording = False
    with visiting(box) as visitor:
        visitor.hear()
        visitor.try_pin(PIN)
        visitor.line.send(Choice(Item.STUDIES))
        said = visitor.hear()
        assert isinstance(said, Said)
        assert "not in the audit trail" in said.text


def test_after_an_import_nobody_stays_in_by_the_old_door(box: Box) -> None:
    box.access = Access.NOT_SET_UP
    with visiting(box) as visitor:
        visitor.hear()
        visitor.line.send(Choice(Item.IMPORT))
        assert [visitor.hear(), visitor.hear()] == [Said("done"), Ended(is_done=True)]
        assert visitor.hear() is None


def test_a_box_that_was_set_up_meanwhile_asks_for_its_pin(box: Box) -> None:
    box.access = Access.NOT_SET_UP
    with visiting(box) as visitor:
        assert isinstance(visitor.hear(), Opened)
        box.access = Access.PIN
        visitor.line.send(Choice(Item.IMPORT))
        assert visitor.hear() is None
    assert box.acted == []


def test_nonsense_on_the_line_ends_the_visit(box: Box) -> None:
    with visiting(box) as visitor:
        visitor.hear()
        visitor.line._channel.send(b'Pin\n{"digits": 5}')
        assert visitor.hear() is None
    with visiting(box) as visitor:
        visitor.hear()
        visitor.line.send(Choice(Item.WIPE))
        assert visitor.hear() is None
    assert box.acted == []
    assert box.recorded == []


def test_a_pin_is_kept_as_a_hash_with_a_salt_of_its_own() -> None:
    again = hash_of(PIN)
    assert again != HASH
    assert PIN not in again
    assert is_pin(PIN, again)
    assert not is_pin(WRONG, again)
    assert _pin_hash(again) == again


@pytest.mark.parametrize(
    "pin",
    ["12345", "1234567890123", "abcdef", "27 4916", "111111", "234567", "987654", "", "٢٧٤٩١٦"],
)
def test_what_is_no_pin_is_refused(pin: str) -> None:
    with pytest.raises(UsageError, match="pin-unfit"):
        hash_of(pin)


def test_the_kinds_may_be_reported_to_the_trail() -> None:
    assert {AuditKind.MENU_ENTERED, AuditKind.MENU_LEFT, AuditKind.MENU_ACTION} <= REPORTED
