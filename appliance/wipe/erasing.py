"""Erasing a medium: its own commands one after another, until one did it and the marks are gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from appliance.clock import Clock
from appliance.wipe.journal import Evidence, Mark, Result
from appliance.wipe.marks import marks_left
from appliance.wipe.media import (
    Capabilities,
    Technique,
    ata_capabilities,
    has_ended,
    nvme_capabilities,
    techniques,
)
from appliance.wipe.plan import Medium
from appliance.wipe.programs import Programs

_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 2.0


def capabilities(medium: Medium, programs: Programs) -> Capabilities:
    """Ask the medium what it can do; one that does not answer can do nothing."""
    can = Capabilities()
    if medium.kind == "nvme":
        with suppress(ValueError):
            answer = programs.run(["nvme", "id-ctrl", medium.disk, "-o", "json"], _SECONDS)
            can = nvme_capabilities(answer.out)
    elif medium.kind in {"sata", "ata"}:
        can = ata_capabilities(programs.run(["hdparm", "-I", medium.disk], _SECONDS).out)
    listed = programs.run(["lsblk", "-ndb", "-o", "DISC-MAX", medium.target], _SECONDS)
    return replace(can, discard=listed.out.strip() not in {"", "0"})


def erase(
    medium: Medium, marks: Sequence[Mark], programs: Programs, clock: Clock
) -> Iterator[Evidence]:
    """Try one technique after another; the last evidence says whether any did it."""
    can = capabilities(medium, programs)
    if can.is_frozen:
        yield Evidence(
            f"ATA security commands of {medium.disk}",
            Result.NOT_POSSIBLE,
            "frozen by the firmware until the next power-up",
        )
    for technique in techniques(medium, can):
        trouble = _apply(technique, programs, clock) or _marks_trouble(medium, marks, programs)
        yield Evidence(
            f"erase {medium.target}: {technique.name}",
            Result.FAILED if trouble else Result.DONE,
            trouble,
            technique.method,
            None if trouble else technique.reach,
        )
        if not trouble:
            return


def _apply(technique: Technique, programs: Programs, clock: Clock) -> str:
    """Empty when it did what it should; else what went wrong."""
    for command in technique.commands:
        done = programs.run(command, technique.seconds)
        if not done.is_done:
            return done.trouble
    return _wait(technique, programs, clock) if technique.poll else ""


def _wait(technique: Technique, programs: Programs, clock: Clock) -> str:
    end = clock.monotonic() + technique.seconds
    never = threading.Event()
    while clock.monotonic() < end:
        asked = programs.run(technique.poll, _SECONDS)
        ended = has_ended(technique, asked.out)
        if ended is None:
            return asked.trouble or "the medium reports that it failed"
        if ended:
            return ""
        clock.wait(never, _POLL_SECONDS)
    return f"it did not end within {technique.seconds:.0f} s"


def _marks_trouble(medium: Medium, marks: Sequence[Mark], programs: Programs) -> str:
    try:
        left, count = marks_left(marks, medium.target, programs)
    except OSError as error:
        return f"not readable afterwards: {error.strerror}"
    return f"{left} of {count} marks are still there" if left else ""
