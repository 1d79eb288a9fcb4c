"""Programs of the operating system that answer as they were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.wipe.programs import Ran


@dataclass
class Recorded:
    """The first answer whose words begin the command; a list gives one answer after another."""

    answers: dict[str, Ran | list[Ran]]
    asked: list[str] = field(default_factory=list)

    def run(self, command: Sequence[str], seconds: float, stdin: bytes = b"") -> Ran:  # noqa: ARG002 - the port's
        """See `Programs.run`."""
        words = " ".join(command)
        self.asked.append(words)
        for head, answer in self.answers.items():
            if words.startswith(head):
                return answer.pop(0) if isinstance(answer, list) else answer
        return Ran(None, err="not installed")
