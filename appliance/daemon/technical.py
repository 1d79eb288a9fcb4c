"""Messages for the technician that the analyser writes: what is down, and what runs elsewhere."""

from __future__ import annotations

from appliance.clock import Clock
from appliance.domain import AlertSummary, CaseCode, MessageKind, Reason
from appliance.errors import Notice, OsteonError
from appliance.ledger.work import WorkLedger


class TechnicalMessages:
    """Tells each thing once in the life of this process."""

    def __init__(self, work: WorkLedger, site: str, clock: Clock) -> None:
        self._work = work
        self._site = site
        self._clock = clock
        self._told: set[str] = set()
        self.unusable: set[str] = set()
        """Packs that the site wants and that could not be verified."""

    def pack_unusable(self, pack: str, error: OsteonError) -> None:
        """A pack could not be verified: none of its studies will be analysed."""
        self.unusable.add(pack)
        self.pack_down(pack, error)

    def pack_down(self, pack: str, error: OsteonError) -> None:
        """A verified pack does not run on this box at present."""
        self._tell(error.code, pack)

    def fell_back(self, pack: str, device: str) -> None:
        """A pack runs on another device than it was asked to: slower, and worth a look."""
        notice = Notice("device-fell-back", f"{pack} on {device}")
        self._tell(notice.code, notice.detail)

    def disk(self, free: int, reserve: int) -> None:
        """The receiver turns images away at the reserve: say so while there is room."""
        notice = Notice("disk-nearly-full", f"{free >> 20} MiB free")
        if free < 2 * reserve:
            self._tell(notice.code, notice.detail, once=notice.code)
        else:
            self._told.discard(notice.code)

    def _tell(self, code: str, detail: str, once: str = "") -> None:
        key = once or f"{code} {detail}"
        if key in self._told:
            return
        self._told.add(key)
        now = self._clock.now()
        summary = AlertSummary(
            case=CaseCode(""),
            kind=MessageKind.TECHNICAL,
            site=self._site,
            arrived_at=now,
            decided_at=now,
            reason=Reason(code, detail),
        )
        self._work.post_technical(summary, now)
