"""The lines that pages are made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum, auto
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appliance.screen.words import cut, plain

LABEL: Final = 13
"""Columns in front of a fact."""


class Style(Enum):
    """How a line stands out."""

    PLAIN = auto()
    BOLD = auto()
    ALARM = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One row. text: at most 80 characters of printable ASCII."""

    text: str = ""
    style: Style = Style.PLAIN


def fact(label: str, text: str, style: Style = Style.PLAIN) -> Line:
    """Something that is so, behind what it is about."""
    return Line(cut(f"{label:<{LABEL}}{plain(text)}"), style)


def facts(label: str, rows: tuple[str, ...]) -> tuple[Line, ...]:
    """The same, in several rows."""
    return tuple(fact("" if number else label, row) for number, row in enumerate(rows))


def time_text(seconds: float, zone: str, form: str) -> str:
    """A time as people at the box read it. seconds: since 1970, UTC; form: of strftime."""
    try:
        local: tzinfo = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        local = UTC  # and says so: a screen without a clock is worse
    return datetime.fromtimestamp(seconds, local).strftime(form)
