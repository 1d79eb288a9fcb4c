"""The menu's way back to the system before: confirmed here, done by the installing unit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.audit.events import typed
from appliance.cli.options import site_in_use
from appliance.cli.technician.box import Box
from appliance.cli.technician.updating import INSTALLING_UNIT
from appliance.clock import Clock, SystemClock
from appliance.daemon.os.composing import is_quiet, os_folder
from appliance.daemon.state import StateFolder
from appliance.errors import UpdateError, UsageError
from appliance.provision.programs import answer_of
from appliance.screen.session import ACTOR, Dialogue
from appliance.update.os.asked import Answer, AskedFolder
from appliance.update.os.machine import RunningImage, boot_id, running_image
from appliance.update.os.record import OsRecord
from appliance.update.os.record_file import read_record
from appliance.update.os.staging import OsFolder
from appliance.update.os.states import OsState

_WORD: Final = "BACK"
_LOOK_S: Final = 0.5
_AGAIN_S: Final = 5.0
"""The unit may be about to end, without another look at what it is asked."""
_PATIENCE_S: Final = 60.0
_GIVEN_UP_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Way:
    """What going back is done with.

    start: have the installing unit look, without waiting for it. is_quiet: no study is under way.
    """

    image: RunningImage | None
    boot: str
    folder: OsFolder
    is_quiet: Callable[[], bool]
    start: Callable[[], None]
    clock: Clock


def go_back(box: Box, dialogue: Dialogue) -> None:
    """What `osteon update os rollback` and `restart` do."""
    clock = SystemClock()
    state = StateFolder(Path(site_in_use(box.config).state_folder))
    way = Way(
        image=running_image(),
        boot=boot_id(),
        folder=os_folder(state),
        is_quiet=lambda: is_quiet(state, clock.now()),
        start=_start,
        clock=clock,
    )
    went_back(way, dialogue)


def went_back(way: Way, dialogue: Dialogue) -> None:
    """Say what will happen, ask, and have it done.

    Raises:
        UsageError: `os-nothing-kept`, `os-on-trial`, `os-rollback-unconfirmed`; nothing was done.
        UpdateError: `os-not-an-image`, `os-study-under-way`, `os-rollback-unanswered`, and what the
            installing unit says: as `OsUnit.take_back`.
        StorageError: `storage-failed`, `os-record-broken`.
    """
    if way.image is None:
        raise UpdateError("os-not-an-image")
    record = read_record(way.folder.record)
    for line in _what_happens(way.image, record):
        dialogue.say(line)
    if not way.is_quiet():
        raise UpdateError("os-study-under-way")
    reason = typed(dialogue.ask("Why, for the record; nothing of a patient:"))
    if dialogue.ask(f"To do so, type {_WORD}:") != _WORD:
        raise UsageError("os-rollback-unconfirmed")
    answer = _answered(way, reason)
    if answer.code:
        raise UpdateError(answer.code, answer.detail)
    dialogue.say(f"Done: {answer.detail}.")


def _what_happens(image: RunningImage, record: OsRecord | None) -> tuple[str, ...]:
    state = record.state if record is not None else None
    if record is not None and state is OsState.TRIAL:
        raise UsageError("os-on-trial", image.version)
    if record is not None and state is OsState.INSTALLED and record.candidate is not None:
        return (
            f"System {record.candidate.version} is installed and waits for a restart. It is called",
            f"off, and never installed on this box again. {image.version} goes on without a stop.",
        )
    if record is not None and state is OsState.COMMITTED and record.previous is not None:
        return (
            f"This box runs system {image.version}. The one before, {record.previous.version}, is",
            f"kept. The machine restarts into {record.previous.version} at once, and is back after",
            "some minutes. Nobody is told of findings meanwhile; what modalities send then they",
            f"have to send again. {image.version} is never installed on this box again.",
            "Studies and settings stay as they are.",
        )
    raise UsageError("os-nothing-kept", state.value if state is not None else "")


def _answered(way: Way, reason: str) -> Answer:
    asked = AskedFolder(way.folder.root)
    question = asked.ask(way.boot, ACTOR, reason)
    answer = _heard(way, asked, question, _PATIENCE_S)
    if answer is None and not asked.withdraw():
        answer = _heard(way, asked, question, _GIVEN_UP_S)  # it is being done just now
    if answer is None:
        raise UpdateError("os-rollback-unanswered")
    return answer


def _heard(way: Way, asked: AskedFolder, question: str, seconds: float) -> Answer | None:
    never, clock = threading.Event(), way.clock
    started = clock.monotonic()
    end = started + seconds
    way.start()
    while (answer := asked.answer_to(question)) is None and clock.monotonic() < end:
        if clock.monotonic() - started >= _AGAIN_S:
            way.start()
            started = clock.monotonic()
        clock.wait(never, _LOOK_S)
    return answer


def _start() -> None:
    answer_of(["systemctl", "--no-block", "start", INSTALLING_UNIT])
