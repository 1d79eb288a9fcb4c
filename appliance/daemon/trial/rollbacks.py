"""A rollback by hand: a request that root leaves in the analyser's folder, and its answer."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from appliance import journal
from appliance.clock import Clock
from appliance.daemon.packs.activation import Activation
from appliance.storage import write_durably
from appliance.update.asking import read_message
from appliance.update.judge import Fault
from appliance.update.slots import PackRef, Slot

_REQUEST: Final = "rollback.request"
_ANSWER: Final = "rollback.answer"
_READABLE: Final = 0o644
"""Root writes it and the analyser reads it; the folder itself lets in nobody else."""
_LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """pack: None where the box has but one that could be meant. reason: a person's words."""

    id: str
    pack: str | None
    reason: str
    by: str


class Verdict(StrEnum):
    """What came of a request."""

    DONE = "done"
    NOTHING_KEPT = "nothing-kept"
    UNCLEAR = "unclear"
    """Several packs could be meant."""
    NOT_RUNNING = "not-running"
    """It was taken back, but the previous pack does not run either."""


@dataclass(frozen=True, slots=True)
class Result:
    """text: for a person; where it is unclear which pack is meant, those that could be."""

    id: str
    verdict: Verdict
    text: str


_REQUESTS: Final = TypeAdapter(Request)
_RESULTS: Final = TypeAdapter(Result)


class RollbackFolder:
    """Both ends of the exchange, in the analyser's folder."""

    def __init__(self, folder: Path) -> None:
        self._request = folder / _REQUEST
        self._answer = folder / _ANSWER

    def ask(self, pack: str | None, reason: str, by: str) -> str:
        """Leave a request; returns its id. Raises StorageError."""
        request = Request(secrets.token_hex(8), pack, reason, by)
        write_durably(self._request, _REQUESTS.dump_json(request), mode=_READABLE)
        return request.id

    def answer_to(self, request: str) -> Result | None:
        """What the analyser said of a request; None while it has not."""
        found = read_message(self._answer, _RESULTS)
        return found if found is not None and found.id == request else None

    def pending(self) -> Request | None:
        """A request that nobody has answered yet. Cheap, and safe from any thread."""
        return read_message(self._request, _REQUESTS)

    def answer(self, request: Request, verdict: Verdict, text: str) -> None:
        """Say what came of it; then it is pending no more. Raises StorageError."""
        result = Result(request.id, verdict, text)
        write_durably(self._answer, _RESULTS.dump_json(result), mode=_READABLE)
        with suppress(OSError):
            self._request.unlink(missing_ok=True)


class Rollbacks:
    """Does by hand what `Activation.take_back` does by rule."""

    def __init__(self, folder: RollbackFolder, activation: Activation) -> None:
        self._folder = folder
        self._activation = activation
        self._due: tuple[Request, str] | None = None

    def waiting(self) -> frozenset[str]:
        """The packs that somebody waits for to give way. From any thread."""
        request = self._folder.pending()
        if request is None:
            return frozenset()
        kept = self._going_back()
        return frozenset(kept & {request.pack} if request.pack else kept if len(kept) == 1 else ())

    def attend(self) -> None:
        """Between two stages: take back what a request names. Raises StorageError."""
        request = self._folder.pending()
        if request is None or self._due is not None:
            return
        slots = self._activation.slots
        on_trial = {name for name, slot in slots.items() if slot.candidate}
        named = {request.pack} if request.pack else self._going_back() or on_trial
        if len(named) > 1:
            self._folder.answer(request, Verdict.UNCLEAR, ", ".join(sorted(named)))
            return
        for name in named & self._going_back():
            journal.event("rollback-by-hand", model=name)
            self._activation.take_back(name, Fault.BY_HAND, _who(request))
            self._due = (request, name)
            return
        for name in named & {each for each, slot in slots.items() if _is_done(slot, request)}:
            self._due = (request, name)  # by an analyser that ended before it could say so
            return
        for name in named & on_trial:
            version = _version(slots[name].candidate)
            self._activation.reject(name, Fault.BY_HAND, _who(request))
            self._folder.answer(request, Verdict.DONE, f"{name} {version} is tried no more.")
            return
        self._folder.answer(request, Verdict.NOTHING_KEPT, request.pack or "")

    def settle(self, running: Mapping[str, str]) -> None:
        """The packs are loaded: say what reads now. `running`: version by pack name.

        Raises StorageError.
        """
        if self._due is None:
            return
        (request, name), self._due = self._due, None
        slot = self._activation.of(name)
        set_aside = slot.setback.version if slot and slot.setback else ""
        if name in running:
            text = f"{name} {running[name]} reads now; {set_aside} is never taken again."
            self._folder.answer(request, Verdict.DONE, text)
        else:
            self._folder.answer(request, Verdict.NOT_RUNNING, name)

    def _going_back(self) -> set[str]:
        return {name for name, slot in self._activation.slots.items() if slot.previous}


def _is_done(slot: Slot, request: Request) -> bool:
    setback = slot.setback
    return setback is not None and (setback.reason, setback.detail) == (
        Fault.BY_HAND,
        _who(request),
    )


def _who(request: Request) -> str:
    return f"{request.by}: {request.reason}" if request.reason else request.by


def _version(ref: PackRef | None) -> str:
    return ref.version if ref else ""


class Interrupter:
    """Ends whatever is under way with a pack that somebody wants taken back.

    Without it a rollback would wait for a start, a decoding or a reading, which may take minutes.
    The study is read again, by the other pack.
    """

    def __init__(
        self, rollbacks: Rollbacks, interrupt_model: Callable[[str], None], clock: Clock
    ) -> None:
        self.interrupt_decoding: Callable[[str], None] | None = None
        """Set by whoever composes the stages; called from another thread."""
        self._rollbacks = rollbacks
        self._interrupt_model = interrupt_model
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="interrupter")
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        """Again and again, until it is taken back: what comes next would take as long."""
        while not self._clock.wait(self._stop, _LOOK_SECONDS):
            for name in self._rollbacks.waiting():
                self._interrupt_model(name)
                if self.interrupt_decoding is not None:
                    self.interrupt_decoding(name)
