"""The terminal that the screen has: keys come one by one, and each frame is drawn as a whole.

Drawn as a whole, since the kernel may write into the same console at any time.
"""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.text import Text

from appliance.screen.lines import Style
from appliance.screen.pages import Page
from appliance.screen.visit import Key
from appliance.screen.words import COLUMNS, ROWS

_INPUT: Final = 0
_READ_BYTES: Final = 256
_STYLES: Final = {Style.PLAIN: "", Style.BOLD: "bold", Style.ALARM: "bold reverse"}
_KEYS: Final = {
    "\r": Key.ENTER,
    "\n": Key.ENTER,
    "\x1b": Key.ESCAPE,
    "\x7f": Key.ERASE,
    "\x08": Key.ERASE,
}
_NEVER_BLANK: Final = "\x1b[9;0]"
"""console_codes(4)."""


def keys_of(pressed: bytes) -> tuple[str | Key, ...]:
    """What was pressed, of the keys that mean something here. pressed: as one read gave it.

    An arrow or function key is Esc with more behind it, and means nothing.
    """
    text = pressed.decode("ascii", errors="replace")
    if text.startswith("\x1b") and len(text) > 1:
        return ()
    found = (_KEYS.get(each, each if " " <= each <= "~" else None) for each in text)
    return tuple(key for key in found if key is not None)


class Terminal:
    """Standard input and output, where these are a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def fileno(self) -> int:
        """For `select`."""
        return _INPUT

    def keys(self) -> tuple[str | Key, ...] | None:
        """What was pressed since the last time; None where the terminal is gone."""
        try:
            pressed = os.read(_INPUT, _READ_BYTES)
        except OSError:
            return None
        return keys_of(pressed) if pressed else None

    def draw(self, page: Page) -> None:
        """Show a page in the upper left, and nothing else."""
        rows = [
            Text(line.text[:COLUMNS], _STYLES[line.style], no_wrap=True)
            for line in page.lines[:ROWS]
        ]
        self._console.update_screen(Text("\n").join(rows))
        if page.cursor is not None:
            row, column = page.cursor
            self._console.file.write(f"\x1b[{row + 1};{column + 1}H\x1b[?25h")
        else:
            self._console.file.write("\x1b[?25l")
        self._console.file.flush()


@contextmanager
def opened() -> Iterator[Terminal]:
    """Keys one by one and without an echo, until the end; no key is a signal.

    Raises:
        termios.error: standard input is no terminal.
    """
    console = Console(highlight=False, force_terminal=True)
    before = termios.tcgetattr(_INPUT)
    ours = termios.tcgetattr(_INPUT)
    # No line editing, no echo, no ^C; and ^S must not stop the screen.
    ours[0] &= ~(termios.IXON | termios.ICRNL)
    ours[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(_INPUT, termios.TCSAFLUSH, ours)
    try:
        with console.screen(hide_cursor=True):
            if os.environ.get("TERM") == "linux":
                console.file.write(_NEVER_BLANK)
            yield Terminal(console)
    finally:
        termios.tcsetattr(_INPUT, termios.TCSAFLUSH, before)
