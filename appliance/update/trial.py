"""What was counted of a pack on trial: figures only, nothing of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_LATENCIES: Final = 21
"""The newest readings, of which the median counts; odd, so that it is one of them."""
_FEWEST_LATENCIES: Final = 3
_REMEMBERED: Final = 400
"""Studies after which both counts of a rate are halved: it tells how things are, not were."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many studies a pack read on this box, and in how many it saw something urgent."""

    studies: int = 0
    alerts: int = 0

    def plus(self, *, alerted: bool) -> Rate:
        """One study more."""
        added = Rate(self.studies + 1, self.alerts + alerted)
        if added.studies <= _REMEMBERED:
            return added
        return Rate(added.studies // 2, added.alerts // 2)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one pack said of one study.

    digest: of the regions and scores, empty where it marked nothing. top: highest score, else 0.
    latency_s: seconds of its slowest reading of the study.
    """

    alerted: bool
    digest: str
    top: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One state's counts; each state of a trial begins anew.

    alerts: studies in which the pack on trial saw something urgent; peer_alerts: in which the
    active pack did; both: in which both did (SHADOW only, like score_gap: the sum over studies of
    the difference between the two highest scores). repeats: how many studies on end got the very
    same regions and scores as the one before, from this pack alone. answer, peer_answer: the latest
    ones' digests. latencies_s, peer_latencies_s: of the newest readings.
    """

    studies: int = 0
    alerts: int = 0
    peer_alerts: int = 0
    both: int = 0
    score_gap: float = 0.0
    repeats: int = 0
    answer: str = ""
    peer_answer: str = ""
    latencies_s: tuple[float, ...] = ()
    peer_latencies_s: tuple[float, ...] = ()

    @property
    def apart(self) -> int:
        """In how many studies just one of the two packs saw something urgent."""
        return self.alerts + self.peer_alerts - 2 * self.both

    @property
    def agreement(self) -> float | None:
        """Share of the shadow's studies in which both packs came to the same; None before any."""
        if not self.studies:
            return None
        return (self.studies - self.apart) / self.studies

    def plus(self, answer: Answer, peer: Answer | None = None) -> Trial:
        """One study more; `peer`: what the active pack said of it, in SHADOW."""
        again = bool(answer.digest) and answer.digest == self.answer
        # The same picture sent again gets the same answer from a sound pack too.
        same_picture = peer is not None and bool(peer.digest) and peer.digest == self.peer_answer
        return replace(
            self,
            studies=self.studies + 1,
            alerts=self.alerts + answer.alerted,
            peer_alerts=self.peer_alerts + (peer is not None and peer.alerted),
            both=self.both + (peer is not None and peer.alerted and answer.alerted),
            score_gap=self.score_gap + (abs(answer.top - peer.top) if peer else 0.0),
            repeats=self.repeats + (not same_picture) if again else 0,
            answer=answer.digest,
            peer_answer=peer.digest if peer else "",
            latencies_s=(*self.latencies_s, answer.latency_s)[-_LATENCIES:],
            peer_latencies_s=(*self.peer_latencies_s, peer.latency_s)[-_LATENCIES:] if peer else (),
        )


def median(latencies_s: Sequence[float]) -> float | None:
    """The middle one, in seconds; None of too few to say anything."""
    if len(latencies_s) < _FEWEST_LATENCIES:
        return None
    return sorted(latencies_s)[len(latencies_s) // 2]
