"""What the technician is told about deliveries: each trouble once, then counted, never a flood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUIET_S: Final = 6 * 3600.0
"""A trouble that goes on is told again at this pace, with how often it happened meanwhile."""


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """An error code at one channel."""

    code: str
    channel: str


class Troubles:
    """Counts troubles and says which are due to be told. Times are steady seconds."""

    def __init__(self, told: Mapping[Trouble, float]) -> None:
        self._told = dict(told)
        self._counts: dict[Trouble, int] = {}

    def note(self, trouble: Trouble) -> None:
        """It happened once more."""
        self._counts[trouble] = self._counts.get(trouble, 0) + 1

    def take_due(self, now: float) -> tuple[tuple[Trouble, int], ...]:
        """What is to be told now, each with its count since it was last told."""
        due = sorted(
            trouble
            for trouble in self._counts
            if trouble not in self._told or now - self._told[trouble] >= _QUIET_S
        )
        for trouble in due:
            self._told[trouble] = now
        return tuple((trouble, self._counts.pop(trouble)) for trouble in due)
