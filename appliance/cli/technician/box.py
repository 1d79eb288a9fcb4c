"""What every item of the menu is given, and the console that some of them print to."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from appliance.screen.items import Access
from appliance.screen.session import Dialogue

_WIDTH: Final = 78


@dataclass(frozen=True, slots=True)
class Box:
    """Where this box lies.

    stick: a folder in place of a stick. signers: who may sign a site YAML. access: how the person
    came in. refused: where the screen finds why a stick was refused.
    """

    config: Path
    identity: Path
    stick: Path | None
    signers: tuple[Path, ...]
    wipe_journal: Path
    access: Access
    refused: Path

    @property
    def takes_unsigned(self) -> bool:
        """Whether a site YAML that a person vouches for is taken too."""
        return self.access is not Access.NO_PIN


def console_of(dialogue: Dialogue) -> Console:
    """A console whose lines the person reads."""
    return Console(file=_Lines(dialogue), width=_WIDTH, color_system=None, highlight=False)


class _Lines(io.StringIO):
    """What rich writes, line by line into a dialogue."""

    def __init__(self, dialogue: Dialogue) -> None:
        super().__init__()
        self._dialogue = dialogue

    def write(self, text: str) -> int:
        if text.strip():
            self._dialogue.say(text.rstrip("\n"))
        return len(text)
