"""What the ledger keeps of one association: that it came, what it stored, how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance import journal
from appliance.errors import StorageError

if TYPE_CHECKING:
    from appliance.clock import Clock
    from appliance.ledger.intake import Arrival, Filing, IntakeLedger
    from appliance.pipeline.receive.committer import Committer
    from appliance.pipeline.receive.protocol import Ending


class AssociationEvidence:
    """An association's row, made in one transaction with the first instance that it stores.

    So a peer that only verifies, or whose transfer is cut, leaves no row. One thread uses it.
    """

    def __init__(self, committer: Committer, clock: Clock, ae_title: str, address: str) -> None:
        self._committer = committer
        self._clock = clock
        self._ae_title = ae_title
        self._address = address
        self._opened_at = clock.now()
        self._number: int | None = None

    def file(self, arrival: Arrival) -> Filing:
        """Bring an instance's row to the medium. Raises StorageError; then there is no row."""

        def change(ledger: IntakeLedger) -> tuple[int, Filing]:
            number = self._number
            if number is None:
                number = ledger.open_association(self._ae_title, self._address, self._opened_at)
            return number, ledger.add(arrival, number)

        self._number, filing = self._committer.commit(change)
        return filing

    def close(self, ending: Ending) -> None:
        """Record the ending. A failing ledger is told to the journal, which is all one can do."""
        number = self._number
        if number is None:
            return
        closed_at = self._clock.now()
        try:
            self._committer.commit(
                lambda ledger: ledger.close_association(number, ending.value, closed_at)
            )
        except StorageError as error:
            journal.fail("association-ending-lost", code=error.code, ending=ending.value)
