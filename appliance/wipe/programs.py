"""Running a program of the operating system, with a deadline; what it said is kept as evidence."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

_MOST_WORDS: Final = 200


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended. `status`: None when it is not installed or ran into its deadline."""

    status: int | None
    out: str = ""
    err: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it did what it was told."""
        return self.status == 0

    @property
    def trouble(self) -> str:
        """In one line, what went wrong; empty when nothing did."""
        if self.is_done:
            return ""
        words = " ".join((self.err or self.out).split())[:_MOST_WORDS]
        return f"exit status {self.status}: {words}" if self.status is not None else words


class Programs(Protocol):
    """Where programs are run."""

    def run(self, command: Sequence[str], seconds: float, stdin: bytes = b"") -> Ran:
        """Run one until it ends, or kill it when its seconds are over. Raises nothing."""
        ...


class SystemPrograms:
    """This machine's own."""

    def run(self, command: Sequence[str], seconds: float, stdin: bytes = b"") -> Ran:
        """See `Programs.run`."""
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return Ran(None, err=f"{command[0]} did not end within {seconds:.0f} s")
        except OSError as error:
            return Ran(None, err=f"{command[0]}: {error.strerror}")
        return Ran(
            done.returncode,
            done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"),
        )
