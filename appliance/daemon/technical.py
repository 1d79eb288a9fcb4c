"""Messages for the technician that the analyser writes: what it cannot take from the site YAML."""

from __future__ import annotations

from appliance.clock import Clock
from appliance.domain import AlertSummary, CaseCode, MessageKind, Reason
from appliance.errors import Notice
from appliance.ledger.work import WorkLedger


class TechnicalMessages:
    """Tells each thing once, for as long as it lasts."""

    def __init__(self, work: WorkLedger, site: str, clock: Clock) -> None:
        self._work = work
        self.site = site
        self._clock = clock
        self._told: frozenset[str] = frozenset()

    def configuration(self, refused: frozenset[str], awaiting_restart: tuple[str, ...]) -> None:
        """What roles refuse the site YAML for, and which of its keys wait for a restart."""
        notices = [Notice("config-refused", detail) for detail in sorted(refused)]
        if awaiting_restart:
            notices.append(Notice("config-needs-restart", ", ".join(awaiting_restart)))
        for notice in notices:
            if str(notice) not in self._told:
                self.tell(notice)
        # What is mended is forgotten, so that the same mistake is told again.
        self._told = frozenset(map(str, notices))

    def tell(self, notice: Notice) -> None:
        """Write the message. Raises StorageError."""
        now = self._clock.now()
        summary = AlertSummary(
            case=CaseCode(""),
            kind=MessageKind.TECHNICAL,
            site=self.site,
            arrived_at=now,
            decided_at=now,
            reason=Reason(notice.code, notice.detail),
        )
        self._work.post_technical(summary, now)
