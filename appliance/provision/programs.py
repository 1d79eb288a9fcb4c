"""Running a program of the operating system, with a deadline."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Final

_SECONDS: Final = 60.0


def answer_of(command: Sequence[str], stdin: bytes = b"") -> bytes | None:
    """What the program wrote; None when it failed, is not installed or did not end in a minute."""
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
