"""The receiver as a whole: built from what it is given, started, stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from appliance import journal
from appliance.pipeline.receive.admission import Admission
from appliance.pipeline.receive.association import House
from appliance.pipeline.receive.committer import Committer
from appliance.pipeline.receive.keysets import Keysets
from appliance.pipeline.receive.listener import Endpoint, Listener
from appliance.pipeline.receive.peers import sends_from
from appliance.pipeline.receive.sink import Spool
from appliance.pipeline.receive.sop_classes import supported_contexts
from appliance.pipeline.receive.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appliance.clock import Clock
    from appliance.errors import StorageError
    from appliance.ledger.intake import IntakeLedger
    from appliance.loops import Loops
    from appliance.pipeline.receive.peers import Address
    from appliance.pipeline.receive.settings import Limits, Peer, ReceiverSettings
    from appliance.sealing import MasterKey
    from appliance.storage import BlobStore


class Receiver:
    """DICOM in, sealed and indexed instances out.

    endpoints: listening sockets, which stay the caller's to close.
    ledger, store: the receiver is their only writer while it runs.
    free_bytes: what may still be written where the store lies.
    loops: where its two loops show that they turn.
    `upkeep` may be used while it runs.
    """

    def __init__(  # noqa: PLR0913 - all its parts are injected
        self,
        endpoints: Sequence[Endpoint],
        settings: ReceiverSettings,
        *,
        ledger: IntakeLedger,
        store: BlobStore,
        master: MasterKey,
        clock: Clock,
        free_bytes: Callable[[], int],
        loops: Loops,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._is_running = False
        self._committer = Committer(ledger, loops.add("committer"))
        keysets = Keysets(master, self._committer)
        self.upkeep = Upkeep(master, keysets, self._committer, store)
        self._spool = Spool(
            store=store,
            master=master,
            keysets=keysets,
            committer=self._committer,
            clock=clock,
            free_bytes=free_bytes,
            reserved_bytes=settings.reserved_bytes,
        )
        self._admission = Admission(*_rules(settings))
        self._listener = Listener(endpoints, self._house(settings), loops.add("listener"))

    @property
    def failure(self) -> StorageError | None:
        """Why nothing is acknowledged any more until a new process runs; None while all is well."""
        return self._committer.failure

    def start(self) -> None:
        """Clear up after a killed process, then begin to receive.

        Raises:
            StorageError: the ledger cannot be written.
        """
        swept = self._store.sweep_incoming()
        with self._ledger.transaction():
            lost = self._ledger.close_lost_associations(self._clock.now())
        if swept or lost:
            journal.warn("receiver-was-killed", count=swept + lost)
        self._committer.start()
        self._listener.start()
        self._is_running = True

    def adopt(self, endpoints: Sequence[Endpoint], settings: ReceiverSettings) -> None:
        """Receive by other settings from the next connection on; open associations go on.

        endpoints: of the same sockets, perhaps with another TLS context.
        """
        self._spool = replace(self._spool, reserved_bytes=settings.reserved_bytes)
        self._admission.adopt(*_rules(settings))
        self._listener.adopt(endpoints, self._house(settings))

    def _house(self, settings: ReceiverSettings) -> House:
        return House(settings, supported_contexts(), self._admission, self._spool, self._clock)

    def stop(self) -> None:
        """End all associations, bring what they wait for to the medium, then return."""
        if not self._is_running:
            return
        self._is_running = False
        self._listener.stop()
        self._committer.stop()


def _rules(
    settings: ReceiverSettings,
) -> tuple[Limits, tuple[Peer, ...], Callable[[Address], bool]]:
    return settings.limits, settings.peers, lambda address: sends_from(address, settings)
