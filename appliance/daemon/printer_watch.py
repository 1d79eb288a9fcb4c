"""Asks the printers how they are, so that an empty one is known before the night's first alert."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.clock import Clock
from appliance.config.schema import Printer
from appliance.errors import DeliveryError, Notice
from appliance.health.judge import PrinterDown

_SELDOM_S: Final = 3600.0
"""A printer is asked no more often: each time may wake it up."""
_AGAIN_S: Final = 300.0
_SURE: Final = 2
"""So often in a row it must complain: one that is just being filled is no trouble."""

Ask = Callable[[Printer], Sequence[str]]
"""What a printer wants, as keywords; none when it is ready. Raises DeliveryError."""


@dataclass(slots=True)
class _Known:
    due: float
    times: int = 0
    code: str = ""
    detail: str = ""


class PrinterWatch:
    """One thread. What is known of a printer that the site no longer has is forgotten."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def look(self, printers: Iterable[Printer]) -> tuple[PrinterDown, ...]:
        """Ask those that are due; return all that are surely not ready."""
        now = self._clock.monotonic()
        wanted = {each.name: each for each in printers}
        self._known = {name: self._known.get(name) or _Known(now) for name in wanted}
        for name, known in self._known.items():
            if now >= known.due:
                known.code, known.detail = self._fault(wanted[name])
                known.times = known.times + 1 if known.code else 0
                known.due = now + (_AGAIN_S if known.code else _SELDOM_S)
        return tuple(
            PrinterDown(name, known.code, known.detail)
            for name, known in self._known.items()
            if known.times >= _SURE
        )

    def _fault(self, printer: Printer) -> tuple[str, str]:
        try:
            wants = self._ask(printer)
        except DeliveryError as error:
            return error.code, error.detail
        notice = Notice("printer-complains", ", ".join(wants))
        return (notice.code, notice.detail) if wants else ("", "")
