"""Marks on a medium, set before it is erased and looked for afterwards.

Some are planted, so that they prove that the erase reached where they lay; some are samples of what
lay there anyway. The keys are gone by then: a mark destroys nothing that could still be read.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterable, Iterator
from typing import Final

from appliance.wipe.journal import Mark
from appliance.wipe.plan import Medium
from appliance.wipe.programs import Programs

_SECTOR: Final = 4096
_PLANTED: Final = 64
_SAMPLED: Final = 64
_SECONDS: Final = 30.0
_EMPTY: Final = frozenset({b"\x00" * _SECTOR, b"\xff" * _SECTOR})
"""What erased flash reads as: to find it again proves nothing."""


def set_marks(medium: Medium, seed: str) -> Iterator[Mark]:
    """Plant and sample; durable on the medium. seed: anything of this wipe's own.

    Raises OSError.
    """
    places = _places(medium.size, random.Random(f"{seed}/{medium.target}"))  # noqa: S311 - any will do
    descriptor = os.open(medium.target, os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    try:
        for number, offset in enumerate(places):
            is_planted = number % 2 == 0
            content = os.pread(descriptor, _SECTOR, offset)
            if is_planted:
                content = os.urandom(_SECTOR)
                os.pwrite(descriptor, content, offset)
            elif content in _EMPTY or len(content) < _SECTOR:
                continue
            yield Mark(medium.target, offset, _digest(content), is_planted)
    finally:
        os.close(descriptor)


def marks_left(marks: Iterable[Mark], target: str, programs: Programs) -> tuple[int, int]:
    """How many marks of a medium are still there, and how many there were. Raises OSError."""
    ours = [mark for mark in marks if mark.device == target]
    # What the kernel has cached says nothing about the medium.
    programs.run(["blockdev", "--flushbufs", target], _SECONDS)
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = sum(
            _digest(os.pread(descriptor, _SECTOR, mark.offset)) == mark.digest for mark in ours
        )
    finally:
        os.close(descriptor)
    return left, len(ours)


def _places(size: int, choose: random.Random) -> list[int]:
    """Sector offsets in no order, the first and the last one among the planted."""
    count = size // _SECTOR
    wanted = min(_PLANTED + _SAMPLED, count) - 2
    inner = choose.sample(range(1, count - 1), max(0, min(wanted, count - 2)))
    ends = [0, *inner[:1], count - 1]
    return [number * _SECTOR for number in (*ends, *inner[1:])] if count > 2 else []  # noqa: PLR2004


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
