"""The session's side of a visit: who may, what is chosen, and that all of it is on the record.

Runs as root, in a process of its own for each visit. It trusts nothing that the screen says but the
keys that a person pressed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance import journal
from appliance.audit.events import AuditEvent, AuditKind
from appliance.clock import Clock
from appliance.config.pin import is_pin
from appliance.error_catalogue import CATALOGUE
from appliance.error_catalogue.at_screen import hint_at_screen
from appliance.errors import Notice, OsteonError, place_of
from appliance.screen.attempts import AttemptsFile, failed, this_boot, wait_left
from appliance.screen.items import OFFERED, Access, Item
from appliance.screen.line import Line
from appliance.screen.messages import (
    FROM_SCREEN,
    Answer,
    Asked,
    Choice,
    Ended,
    FromScreen,
    Opened,
    Pin,
    PinWanted,
    Said,
)

ACTOR: Final = "technician at the screen"
"""Whoever knows the PIN: it is the site's, not a person's."""
_IDLE_SECONDS: Final = 180.0
"""Longer than the screen's own; a session that outlived its screen ends all the same."""
_MOST_ANSWER: Final = 80
_LAST: Final = frozenset({Item.IMPORT, Item.WIPE, Item.MAKE_NEW})
"""After these the box is another one, and has another PIN or none."""
_NOTES: Final = {
    Access.PIN: "",
    Access.NO_PIN: "The site YAML sets no PIN: only a signed configuration is taken.",
    Access.NOT_SET_UP: "This box is not set up yet.",
    Access.CLOSED: "The data volume of this box did not open.",
    Access.WIPED: "This box was wiped.",
    Access.WIPED_IMAGE: "This box was wiped.",
}


class HungUpError(Exception):
    """Nobody is at the other end any more."""


class DeclinedError(Exception):
    """The person would rather not say."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """How one comes in. pin_hash: where there is a PIN; attempts: the folder that counts them."""

    access: Access
    pin_hash: str | None = None
    attempts: Path | None = None


Record = Callable[[AuditEvent], bool]
"""Has an event recorded; whether that was possible."""


class Dialogue:
    """What an act has of the person in front of the screen."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def say(self, text: str) -> None:
        """Show some lines. Raises HungUpError."""
        self._send(Said(text))

    def ask(self, question: str) -> str:
        """What the person types, without gaps at its ends; may be empty.

        Raises:
            DeclinedError: they pressed Esc.
            HungUpError: nobody is there.
        """
        self._send(Asked(question))
        answer = self.next()
        if not isinstance(answer, Answer):
            raise HungUpError
        if answer.text is None:
            raise DeclinedError
        return answer.text.strip()[:_MOST_ANSWER]

    def next(self) -> FromScreen:
        """The next message. Raises HungUpError, also when nobody does anything for long."""
        try:
            message = self._line.receive(FROM_SCREEN, _IDLE_SECONDS)
        except OSError:  # TimeoutError among them
            raise HungUpError from None
        if message is None:
            raise HungUpError
        return message

    def tell(self, message: PinWanted | Opened | Ended) -> None:
        """Where the visit stands. Raises HungUpError."""
        self._send(message)

    def _send(self, message: object) -> None:
        try:
            self._line.send(message)
        except OSError:
            raise HungUpError from None


Act = Callable[[Dialogue], None]
"""Does one item. Raises OsteonError where it could not be done, and what `Dialogue` raises."""


class Session:
    """One visit, from the PIN to the end."""

    def __init__(
        self,
        dialogue: Dialogue,
        entrance: Callable[[], Entrance],
        act_of: Callable[[Item], Act],
        record: Record,
        clock: Clock,
    ) -> None:
        """`entrance`: as the box has it now; where it changes, the visit is over."""
        self._dialogue = dialogue
        self._entrance_now = entrance
        self._entrance = entrance()
        self._act_of = act_of
        self._record = record
        self._clock = clock

    def run(self) -> None:
        """Until the person leaves, or an act ends the visit. Raises StorageError."""
        try:
            if self._entrance.pin_hash is not None:
                self._let_in(self._entrance.pin_hash)
            self._note(AuditKind.MENU_ENTERED, self._entrance.access.value)
        except HungUpError:
            return
        with suppress(HungUpError):
            self._menu()
        self._note(AuditKind.MENU_LEFT, "")

    def _let_in(self, pin_hash: str) -> None:
        if self._entrance.attempts is None:
            raise ValueError("a PIN without a count of wrong ones")
        attempts = AttemptsFile(self._entrance.attempts)
        code = ""
        while True:
            with attempts.locked():
                left = wait_left(attempts.read(), this_boot(), self._clock.monotonic())
            self._dialogue.tell(PinWanted(left, code))
            typed = self._dialogue.next()
            if not isinstance(typed, Pin):
                raise HungUpError
            code = self._refusal(typed.digits, pin_hash, attempts)
            if not code:
                return

    def _refusal(self, digits: str, pin_hash: str, attempts: AttemptsFile) -> str:
        """Why a PIN is not taken; empty where it is."""
        with attempts.locked():
            boot, now = this_boot(), self._clock.monotonic()
            known = attempts.read()
            if wait_left(known, boot, now) > 0:
                code = Notice("pin-too-early").code
            else:
                after = failed(known, boot, now)
                attempts.keep(after)
                if is_pin(digits, pin_hash):
                    attempts.keep(type(after)())
                    return ""
                code = Notice("pin-locked").code if after.is_locked else Notice("pin-wrong").code
        self._note(AuditKind.MENU_ENTERED, code, is_success=False)
        return code

    def _menu(self) -> None:
        offered = tuple(item for item in Item if item in OFFERED[self._entrance.access])
        note = _NOTES[self._entrance.access]
        while True:
            self._dialogue.tell(Opened(offered, note))
            choice = self._dialogue.next()
            if not isinstance(choice, Choice) or choice.item not in offered:
                raise HungUpError
            if self._entrance_now() != self._entrance:
                raise HungUpError
            is_done = self._do(choice.item)
            self._dialogue.tell(Ended(is_done))
            if is_done and choice.item in _LAST:
                return

    def _do(self, item: Item) -> bool:
        """Do what was chosen: whether it came to its end. Before and after it, for the record."""
        if not self._note(AuditKind.MENU_ACTION, item.value):
            self._dialogue.say("This is not in the audit trail: nobody keeps it at present.")
        try:
            self._act_of(item)(self._dialogue)
        except DeclinedError:
            self._dialogue.say("Left off; nothing more was done.")
            code = "declined"
        except OsteonError as error:
            self._tell(error)
            code = error.code
        except HungUpError:
            self._note(AuditKind.MENU_ACTION, f"{item.value} hung-up", is_success=False)
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of all acts: told as a failure
            journal.fail("menu-act-failed", kind=item.value, place=place_of(error))
            failure = Notice("menu-act-failed", type(error).__name__)
            self._tell(failure)
            code = failure.code
        else:
            return True
        self._note(AuditKind.MENU_ACTION, f"{item.value} {code}", is_success=False)
        return False

    def _tell(self, error: OsteonError) -> None:
        faults = getattr(error, "faults", ())
        self._dialogue.say(f"{error.code}: {len(faults)} to mend" if faults else str(error))
        for fault in faults:
            self._dialogue.say(str(fault))
        known = CATALOGUE.get(error.code)
        if known is not None:
            self._dialogue.say(f"Meaning: {known.meaning}\nTo do: {hint_at_screen(error.code)}")

    def _note(self, kind: AuditKind, detail: str, *, is_success: bool = True) -> bool:
        say = journal.event if is_success else journal.warn
        say(kind.value, reason=detail)
        return self._record(AuditEvent(kind, ACTOR, "screen", detail, is_success=is_success))
