"""What the technician is told of: each trouble once, again while it lasts, and when it is over.

Two kinds come together here. A channel's trouble is noted at each failure and is over when the
channel works again. Any other one is judged from facts and is over when it stands no longer. What
was told is read back from the ledger's notices, so that a restart repeats nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from appliance.domain import AlertSummary, CaseCode, MessageKind, Reason, TroubleLine

DAY_S: Final = 86_400.0
_HOLD_S: Final = 3600.0
"""A trouble that comes and goes is told as a new one no more often than this."""
_SINGLE: Final = frozenset({"delivery-given-up", "outbox-item-missing"})
"""They happen and are then past: nothing can say that they are over."""


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """An error code, and what it is about: a channel, a pack, a part of the box."""

    code: str
    about: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A trouble that is there at present; told again every `again_s` seconds while it is."""

    trouble: Trouble
    figures: str
    again_s: float = DAY_S


@dataclass(frozen=True, slots=True)
class Telling:
    """One message that is due. `since`: wall seconds of when the trouble was first told."""

    kind: MessageKind
    trouble: Trouble
    figures: str
    since: float

    def summary(self, site: str, now: float) -> AlertSummary:
        """The message itself."""
        return AlertSummary(
            case=CaseCode(""),
            kind=self.kind,
            site=site,
            arrived_at=self.since,
            decided_at=now,
            reason=Reason(self.trouble.code, f"{self.trouble.about} ({self.figures})"),
        )


@dataclass(frozen=True, slots=True)
class _Told:
    since: float
    last: float


class Troubles:
    """Knows what was told, and says what is due.

    notices: the box's own messages, newest first, each with the steady second at which it was
    written. channels: what a trouble is about whose end only its channel can show. Times are steady
    seconds; wall seconds are kept for people alone.
    """

    def __init__(
        self, notices: Iterable[tuple[AlertSummary, float]], channels: frozenset[str]
    ) -> None:
        self._channels = channels
        self._open: dict[Trouble, _Told] = {}
        self._last: dict[Trouble, float] = {}
        self._counts: dict[Trouble, int] = {}
        self._working: set[str] = set()
        self._standing: tuple[Standing, ...] | None = None
        for summary, at in reversed(tuple(notices)):
            if summary.reason is None:
                continue
            about = summary.reason.detail.rpartition(" (")[0]
            self._remember(
                summary.kind, Trouble(summary.reason.code, about), summary.arrived_at, at
            )

    def note(self, trouble: Trouble) -> None:
        """A channel failed once more."""
        self._counts[trouble] = self._counts.get(trouble, 0) + 1

    def works(self, channel: str) -> None:
        """Nothing of this channel fails any more."""
        self._working.add(channel)

    def stand(self, standing: tuple[Standing, ...]) -> None:
        """All that is judged to be wrong at present. May be called from any thread."""
        self._standing = standing

    def use(self, channels: frozenset[str]) -> None:
        """Go on with other channels."""
        self._channels = channels

    def take_due(self, now: float, wall: float) -> tuple[Telling, ...]:
        """What is to be told now; it counts as told from here on."""
        due = [*self._ended(), *self._noted(now, wall), *self._stood(now, wall)]
        for telling in due:
            self._remember(telling.kind, telling.trouble, telling.since, now)
        for trouble, told in tuple(self._open.items()):
            if trouble.code in _SINGLE and now - told.last >= DAY_S:
                del self._open[trouble]
        return tuple(due)

    def _remember(self, kind: MessageKind, trouble: Trouble, since: float, at: float) -> None:
        if kind is MessageKind.RECOVERED:
            self._open.pop(trouble, None)
        elif kind is MessageKind.TECHNICAL:
            self._open[trouble] = _Told(since, at)
            self._last[trouble] = at

    def _ended(self) -> Iterable[Telling]:
        there = None if self._standing is None else {each.trouble for each in self._standing}
        for trouble, told in sorted(self._open.items()):
            if trouble.about in self._channels:
                over = trouble.about in self._working and trouble.code not in _SINGLE
            else:
                over = there is not None and trouble not in there
            if over:
                yield Telling(MessageKind.RECOVERED, trouble, "over", told.since)
        self._working.clear()

    def _noted(self, now: float, wall: float) -> Iterable[Telling]:
        for trouble, count in sorted(self._counts.items()):
            if self._is_due(trouble, now, DAY_S):
                del self._counts[trouble]
                yield self._telling(trouble, str(count), wall)

    def _stood(self, now: float, wall: float) -> Iterable[Telling]:
        for each in self._standing or ():
            if self._is_due(each.trouble, now, each.again_s):
                yield self._telling(each.trouble, each.figures, wall)

    def _is_due(self, trouble: Trouble, now: float, again_s: float) -> bool:
        pace = again_s if trouble in self._open else _HOLD_S
        return trouble not in self._last or now - self._last[trouble] >= pace

    def _telling(self, trouble: Trouble, figures: str, wall: float) -> Telling:
        told = self._open.get(trouble)
        return Telling(MessageKind.TECHNICAL, trouble, figures, told.since if told else wall)

    def lines(self) -> tuple[TroubleLine, ...]:
        """All that was told and is not over, the oldest first. May be called from any thread."""
        known = tuple(self._open.items())
        lines = (TroubleLine(each.code, each.about, told.since) for each, told in known)
        return tuple(sorted(lines, key=lambda line: (line.since, line.code, line.about)))
