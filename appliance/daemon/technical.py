"""Messages for the technician that the analyser writes: what is down, and what runs elsewhere."""

from __future__ import annotations

from appliance.clock import Clock
from appliance.domain import AlertSummary, CaseCode, MessageKind, Reason
from appliance.ledger.work import WorkLedger


class TechnicalMessages:
    """Tells each thing once in the life of this process."""

    def __init__(self, work: WorkLedger, site: str, clock: Clock) -> None:
        self._work = work
        self._site = site
        self._clock = clock
        self._told: set[Reason] = set()
        self.unusable: set[str] = set()
        """Packs that the site wants and that could not be verified."""

    def pack_unusable(self, pack: str, code: str) -> None:
        """A pack could not be verified: none of its studies will be analysed."""
        self.unusable.add(pack)
        self._tell(Reason(code, pack))

    def pack_down(self, pack: str, code: str) -> None:
        """A verified pack does not run on this box at present."""
        self._tell(Reason(code, pack))

    def fell_back(self, pack: str, device: str) -> None:
        """A pack runs on another device than it was asked to: slower, and worth a look."""
        self._tell(Reason("device-fell-back", f"{pack} on {device}"))

    def _tell(self, reason: Reason) -> None:
        if reason in self._told:
            return
        self._told.add(reason)
        now = self._clock.now()
        summary = AlertSummary(
            case=CaseCode(""),
            kind=MessageKind.TECHNICAL,
            site=self._site,
            arrived_at=now,
            decided_at=now,
            reason=reason,
        )
        self._work.post_technical(summary, now)
