"""Text as a console can show it: printable ASCII, in lines of at most 80 columns. Pure.

The kernel's console has no Chinese, and what it does with a control character is nobody's business:
so the screen speaks English, in ASCII. What does not fit into that is replaced, never passed on.
"""

from __future__ import annotations

import textwrap
from typing import Final

COLUMNS: Final = 80
ROWS: Final = 25
_ALIKE: Final = str.maketrans(
    {"·": "*", "…": "...", "—": "-", "→": "->", "≤": "<=", "≥": ">=", "\t": " "}
)


def plain(text: str) -> str:
    """The same in printable ASCII; `?` for every other character."""
    said = text.translate(_ALIKE)
    return "".join(each if " " <= each <= "~" else "?" for each in said)


def cut(text: str, columns: int = COLUMNS) -> str:
    """`plain`, in one line of so many columns; `...` at the end of what did not fit."""
    said = plain(text)
    return said if len(said) <= columns else f"{said[: columns - 3]}..."


def folded(text: str, columns: int = COLUMNS, indent: str = "") -> tuple[str, ...]:
    """`plain`, in as many lines as it takes; those after the first begin with `indent`."""
    lines = textwrap.wrap(plain(text), columns, subsequent_indent=indent, drop_whitespace=True)
    return tuple(lines) or ("",)


def grouped_in_rows(digits: str, groups: int = 8) -> tuple[str, ...]:
    """A fingerprint in groups of four digits, so many of them a row."""
    parts = [digits[start : start + 4] for start in range(0, len(digits), 4)]
    return tuple(" ".join(parts[start : start + groups]) for start in range(0, len(parts), groups))
