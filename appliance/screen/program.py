"""The loop of the screen: look at the box, take keys, carry a visit to the menu, draw."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.clock import Clock
from appliance.errors import UsageError
from appliance.screen.line import Line, call
from appliance.screen.looking import Looker
from appliance.screen.messages import FROM_SESSION, Answer, Choice, Pin
from appliance.screen.pages import page_of
from appliance.screen.states import Do, State
from appliance.screen.status import Status
from appliance.screen.terminal import Terminal
from appliance.screen.visit import Happening, Idle, Lost, Tick, Visit, step

_DRAW_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 120.0
_TAKES_SECONDS: Final = 5.0
"""A message that has begun to arrive is there at once."""


class Screen:
    """One screen, until it is asked to end."""

    def __init__(self, terminal: Terminal, looker: Looker, door: Path, clock: Clock) -> None:
        self._terminal = terminal
        self._looker = looker
        self._door = door
        self._clock = clock
        self._visit = Visit()
        self._line: Line | None = None
        self._status = looker.look()
        self._looked_at = self._touched_at = clock.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Until asked to stop, or the terminal is gone."""
        while not stop.is_set():
            self._terminal.draw(page_of(self._visit, self._seen(), self._clock.monotonic()))
            waiting: list[Terminal | Line] = [
                self._terminal,
                *([self._line] if self._line is not None else []),
            ]
            ready, _, _ = select.select(waiting, [], [], _DRAW_SECONDS)
            if self._terminal in ready:
                keys = self._terminal.keys()
                if keys is None:
                    break
                self._touched_at = self._clock.monotonic()
                self._happen(keys)
            if self._line is not None and self._line in ready:
                self._happen(self._heard(self._line))
            self._happen(self._time())
        self._hang_up()

    def _seen(self) -> Status:
        now = self._clock.monotonic()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._status = self._looker.look()
            self._looked_at = self._clock.monotonic()
        return self._looker.at_this_time(self._status)

    def _time(self) -> Iterable[Happening]:
        yield Tick()
        if self._clock.monotonic() - self._touched_at >= _IDLE_SECONDS:
            yield Idle()

    def _heard(self, line: Line) -> Iterable[Happening]:
        try:
            message = line.receive(FROM_SESSION, _TAKES_SECONDS)
        except OSError:
            message = None
        if self._visit.state is State.WORKING:
            self._touched_at = self._clock.monotonic()  # who waits for a job is not idle
        return (Lost() if message is None else message,)

    def _happen(self, happenings: Iterable[Happening]) -> None:
        for happening in happenings:
            before = self._visit
            self._visit, do = step(before, happening, self._clock.monotonic())
            if lost := self._carry_out(do, before):
                self._visit, _ = step(self._visit, lost, self._clock.monotonic())

    def _carry_out(self, do: Do, before: Visit) -> Lost | None:
        """Do what a step asks for; why the session is lost, where that shows now."""
        try:
            match do:
                case Do.CALL:
                    self._line = call(self._door)
                case Do.SEND_PIN:
                    self._send(Pin(before.typed))
                case Do.CHOOSE:
                    self._choose()
                case Do.ANSWER:
                    self._send(Answer(before.typed))
                case Do.DECLINE:
                    self._send(Answer(None))
                case Do.HANG_UP:
                    self._hang_up()
                case Do.NOTHING:
                    pass
        except UsageError as error:
            return Lost(error.code)
        except OSError:
            self._hang_up()
            return Lost()
        return None

    def _choose(self) -> None:
        if self._visit.item is not None:
            self._send(Choice(self._visit.item))

    def _send(self, message: Pin | Choice | Answer) -> None:
        if self._line is not None:
            self._line.send(message)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
