"""A receiver in this process, on a free port, with a spool that tests may look into."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path

from appliance.clock import Clock, SystemClock
from appliance.domain import SpooledInstance
from appliance.ledger.intake import IntakeLedger
from appliance.loops import Loops
from appliance.pipeline.receive import Endpoint, Limits, Peer, Receiver, ReceiverSettings
from appliance.sealing import MasterKey
from appliance.storage import BlobStore, free_bytes

AE_TITLE = "OSTEON"
MODALITY = "CT1"
LOOPBACK = ip_network("127.0.0.0/8")

SETTINGS = ReceiverSettings(
    ae_title=AE_TITLE,
    peers=(Peer(MODALITY, LOOPBACK), Peer("DR1", LOOPBACK)),
    limits=Limits(request_s=5.0, idle_s=20.0, pdu_s=5.0, closing_s=0.1),
)


@dataclass
class RunningReceiver:
    """Where it listens, and what it has received."""

    folder: Path
    receiver: Receiver
    store: BlobStore
    master: MasterKey
    port: int
    tls_port: int = 0
    endpoints: list[Endpoint] = field(repr=False, kw_only=True)
    writer: IntakeLedger = field(repr=False, kw_only=True)

    @contextmanager
    def ledger(self) -> Iterator[IntakeLedger]:
        """The ledger as the analyser sees it."""
        ledger = IntakeLedger(self.folder / "intake.db", read_only=True)
        try:
            yield ledger
        finally:
            ledger.close()

    def instances(self) -> list[SpooledInstance]:
        """All that was acknowledged, in the order of arrival."""
        with self.ledger() as ledger:
            studies = ledger.studies_changed_since(0)
            found = [each for study in studies for each in ledger.instances(study)]
        return sorted(found, key=lambda each: each.id)

    def file_of(self, instance: SpooledInstance) -> bytes:
        """The Part 10 file that lies sealed in the spool."""
        with self.ledger() as ledger:
            wrapped = ledger.wrapped_keyset(instance.study)
        assert wrapped is not None
        seal = self.master.open_keyset(instance.study, wrapped)
        with self.store.open(instance.blob) as raw, seal.reader(raw) as stream:
            return stream.read()

    def blobs(self) -> list[Path]:
        """Every file in the spool, half-written ones included."""
        return [file for file in (self.folder / "spool").rglob("*") if file.is_file()]


@contextmanager
def running_receiver(
    folder: Path,
    settings: ReceiverSettings = SETTINGS,
    *,
    tls: ssl.SSLContext | None = None,
    clock: Clock | None = None,
    loops: Loops | None = None,
    kind: type[MasterKey] = MasterKey,
) -> Iterator[RunningReceiver]:
    """Start on free ports of loopback; a folder that was used before is taken up again."""
    key = folder / "master.key"
    if not key.exists():
        MasterKey.create(key)
    spool = folder / "spool"
    store, master = BlobStore(spool), kind.load(key)
    ledger = IntakeLedger(folder / "intake.db")
    plain, secure = _listening_socket(), _listening_socket()
    endpoints = [Endpoint(plain)] + ([Endpoint(secure, tls)] if tls else [])
    receiver = Receiver(
        endpoints,
        settings,
        ledger=ledger,
        store=store,
        master=master,
        clock=clock or SystemClock(),
        free_bytes=lambda: free_bytes(spool),
        loops=loops or Loops(SystemClock()),
    )
    receiver.start()
    try:
        yield RunningReceiver(
            folder,
            receiver,
            store,
            master,
            plain.getsockname()[1],
            secure.getsockname()[1],
            endpoints=endpoints,
            writer=ledger,
        )
    finally:
        receiver.stop()
        ledger.close()
        plain.close()
        secure.close()


def with_limits(**changes: float) -> ReceiverSettings:
    """The usual settings with other limits."""
    return replace(SETTINGS, limits=replace(SETTINGS.limits, **changes))  # type: ignore[arg-type]


def _listening_socket() -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(256)
    return listening
