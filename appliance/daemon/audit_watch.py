"""Beside the deliverer: witnesses the trail, sends it to the hospital, notes alarms."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from appliance import journal
from appliance.audit.chain import Entry, Head
from appliance.audit.dicom_message import audit_message, syslog_frame
from appliance.audit.events import AuditKind
from appliance.audit.reader import TrailReader
from appliance.audit.witness import note_witness, read_witness
from appliance.clock import Clock
from appliance.config.audit import Syslog
from appliance.daemon.state import StateFolder
from appliance.errors import StorageError
from appliance.loops import Loop

_LOOK_SECONDS: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
_SEND_SECONDS: Final = 20.0
_END_SECONDS: Final = 2.0
_DAY_S: Final = 86_400.0
_SENT: Final = "syslog-"
"""Begins the name of the note of what the repository was sent."""


class AuditWatch:
    """Looks at the trail every so often. What was sent is noted afterwards: at least once."""

    def __init__(
        self, state: StateFolder, syslog: Syslog | None, site: str, loop: Loop, clock: Clock
    ) -> None:
        """`site`: the hospital's name."""
        own = state.deliver
        self._reader = TrailReader(state.access)
        self._own = own
        self._syslog = syslog
        self._site = site
        self._loop = loop
        self._clock = clock
        self._waiting: list[Entry] = []
        self._sent = read_witness(own, _SENT)
        self._witness = read_witness(own)
        self._broken: tuple[tuple[str, float], ...] = ()
        self._guessed: tuple[float, ...] = ()
        self.is_broken = False
        """Whether a line was altered or dropped, as far as one can tell without signatures."""
        self.is_unsent = False
        """Whether the repository was not reached at the last try."""

    def broken_glass(self, now: float) -> tuple[tuple[str, float], ...]:
        """(case, wall second) of each use of break-glass within a day. From any thread."""
        return tuple((case, at) for case, at in self._broken if 0 <= now - at < _DAY_S)

    def menu_guesses(self, now: float) -> int:
        """Wrong PINs at the screen within a day, beyond those of a slip. From any thread."""
        return sum(0 <= now - at < _DAY_S for at in self._guessed)

    @contextmanager
    def beside(self, stop: threading.Event) -> Iterator[None]:
        """Watch on a thread of its own until `stop` is set, which it is at the end of the block."""
        thread = threading.Thread(target=self.run, args=(stop,), name="audit", daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join(_END_SECONDS)

    def run(self, stop: threading.Event) -> None:
        """Look until asked to stop; an unreachable repository is tried ever less often."""
        failures, due = 0, 0.0
        while not stop.is_set():
            self._loop.turned(_SEND_SECONDS + 60.0)
            try:
                self.look()
            except StorageError as error:
                if error.code != "audit-missing":  # that the door is silent is said elsewhere
                    journal.warn("audit-unread", code=error.code)
            if self._waiting and self._clock.monotonic() >= due:
                failures = 0 if self.send() else failures + 1
                pause = min(_LONGEST_PAUSE, _LOOK_SECONDS * 2 ** min(failures, 10))
                due = self._clock.monotonic() + (pause if failures else 0.0)
            self._clock.wait(stop, _LOOK_SECONDS)
        self._loop.rests()

    def look(self) -> None:
        """Take up what is new. Raises StorageError."""
        new = self._reader.new()
        if self._reader.is_broken or not self._holds_witness(new):
            self.is_broken = True
        alarms = [each for each in new if each.kind == AuditKind.BREAK_GLASS.value]
        self._broken += tuple((each.subject, _seconds(each)) for each in alarms)
        self._guessed += tuple(_seconds(each) for each in new if _is_guess(each))
        if self._syslog is not None:
            self._waiting += [each for each in new if each.number > self._sent.count]
        if self._reader.head.count > self._witness.count:
            self._witness = self._reader.head
            note_witness(self._own, self._witness)

    def _holds_witness(self, new: tuple[Entry, ...]) -> bool:
        """Whether the trail still has the line that was noted last."""
        known = self._witness
        if self._reader.head.count < known.count:
            return False
        return all(each.head == known for each in new if each.number == known.count)

    def send(self) -> bool:
        """Send what waits to the repository; whether that worked."""
        assert self._syslog is not None  # noqa: S101 - nothing waits without one
        name = socket.gethostname()
        try:
            context = ssl.create_default_context(cafile=self._syslog.ca_file)
            place = (self._syslog.host, self._syslog.port)
            with (
                socket.create_connection(place, _SEND_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=self._syslog.host) as channel,
            ):
                for entry in self._waiting:
                    message = audit_message(entry, name, self._site)
                    channel.sendall(syslog_frame(entry, message, name))
                channel.unwrap()
            self._note_sent(self._waiting[-1].head)
        except (OSError, StorageError) as error:
            self.is_unsent = True
            journal.warn("audit-unsent", count=len(self._waiting), reason=type(error).__name__)
            return False
        self._waiting.clear()
        self.is_unsent = False
        return True

    def _note_sent(self, head: Head) -> None:
        note_witness(self._own, head, _SENT)
        self._sent = head


def _is_guess(entry: Entry) -> bool:
    """As the session of the screen's menu has it recorded."""
    is_refusal = entry.kind == AuditKind.MENU_ENTERED.value and not entry.is_success
    return is_refusal and entry.detail == "pin-locked"


def _seconds(entry: Entry) -> float:
    try:
        return datetime.fromisoformat(entry.at).timestamp()
    except ValueError:
        return 0.0
