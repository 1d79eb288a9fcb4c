"""A deliverer on real ledgers and sealed blobs, with the analyser's hand played by the test.

`python -m tests.simulators.delivering STATE SERVER_PORT CA_FILE` runs one as a process of its own.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.alerts.catalogue import load
from appliance.alerts.channel import Channel
from appliance.alerts.email import EmailChannel, EmailSettings
from appliance.clock import SystemClock
from appliance.domain import (
    CaseCode,
    MessageKind,
    OutboxItem,
    Outcome,
    StudyKey,
)
from appliance.ledger.delivery import DeliveryLedger, Destination
from appliance.ledger.work import Ending, NewMessage, WorkLedger
from appliance.loops import Loops
from appliance.pipeline.deliver.deliverer import Deliverer
from appliance.pipeline.deliver.schedule import Backoff, Policy, Step
from appliance.pipeline.deliver.senders import ChannelSender, Sender
from appliance.sealing import MasterKey, StudySeal
from appliance.storage import BlobStore
from tests.simulators.alerting import CASE, PDF, SUMMARY

DOCTOR = Destination("mail", "doctor@hospital.example")
CHIEF = Destination("mail", "chief@hospital.example")
TECHNICIAN = Destination("mail", "technician@hospital.example")
PRINTER = Destination("paper")
PACS = Destination("pacs")
STUDY = StudyKey("5" * 32)

POLICY = Policy(
    steps=(Step((DOCTOR, PRINTER), 600.0), Step((CHIEF,), 600.0)),
    again_s=600.0,
    results=(PACS,),
    technical=(TECHNICIAN,),
    page_channels=frozenset({"paper"}),
    backoff=Backoff(0.1, 1.0),
)
QUICK = replace(
    POLICY, steps=tuple(replace(step, wait_s=1.0) for step in POLICY.steps), again_s=1.0
)


@dataclass
class Box:
    """State of one box: the analyser's outbox, the sealed blobs, the deliverer's ledger."""

    folder: Path
    work: WorkLedger
    blobs: BlobStore
    seal: StudySeal
    channels: dict[str, Channel] = field(default_factory=dict)
    others: dict[str, Sender] = field(default_factory=dict)

    @property
    def ledger_path(self) -> Path:
        """Where the deliverer's ledger is."""
        return self.folder / "delivery.db"

    def post(self, *kinds: MessageKind, content: bytes = PDF) -> None:
        """A revision of the study ends, and these messages follow from it."""
        revision = self.work.open_revision(STUDY, CASE, 1, 0.0)
        messages = tuple(
            NewMessage(
                kind,
                replace(SUMMARY, kind=kind, revision=revision.revision),
                (self._keep(content),),
            )
            for kind in kinds
        )
        self.work.report(revision, Ending(Outcome.ALERT, None, messages), 1.0)

    def _keep(self, content: bytes) -> str:
        blob = self.blobs.create()
        with self.seal.writer(blob.file) as stream:
            stream.write(content)
        return blob.commit()

    def read_blob(self, _item: OutboxItem, name: str) -> bytes:
        """Unseal an attachment."""
        with self.seal.reader(self.blobs.open(name)) as stream:
            return stream.read()

    def senders(self) -> Mapping[str, Sender]:
        """The channels as the deliverer wants them."""
        told = {
            name: ChannelSender(channel, self.read_blob, "test-box")
            for name, channel in self.channels.items()
        }
        return {**told, **self.others}

    @contextlib.contextmanager
    def delivering(
        self, policy: Policy = POLICY, ledger: DeliveryLedger | None = None
    ) -> Iterator[None]:
        """A deliverer at work for the length of the block."""
        stop = threading.Event()
        deliverer = Deliverer(
            outbox=self.work,
            ledger=ledger or DeliveryLedger(self.ledger_path),
            senders=self.senders(),
            policy=policy,
            clock=SystemClock(),
            site="County Hospital",
            loops=Loops(SystemClock()),
        )
        thread = threading.Thread(target=deliverer.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()

    def recorded(self) -> DeliveryLedger:
        """The deliverer's ledger, as another process sees it."""
        return DeliveryLedger(self.ledger_path, read_only=True)

    def acknowledge(self, by: str = "Dr. Li") -> None:
        """What `osteon ack` does."""
        ledger = DeliveryLedger(self.ledger_path)
        ledger.acknowledge(CaseCode(CASE), by, 1.0)
        ledger.close()


def new_box(folder: Path) -> Box:
    """A box in an empty folder."""
    MasterKey.create(folder / "master.key")
    DeliveryLedger(folder / "delivery.db").close()
    return open_box(folder)


def open_box(folder: Path) -> Box:
    """The box that lies in the folder."""
    key = MasterKey.load(folder / "master.key")
    keyset = folder / "keyset"
    if not keyset.exists():
        keyset.write_bytes(key.new_keyset(STUDY))
    seal = key.open_keyset(STUDY, keyset.read_bytes())
    return Box(folder, WorkLedger(folder / "work.db"), BlobStore(folder / "blobs"), seal)


MAIL_ONLY = replace(POLICY, steps=(Step((DOCTOR,), 600.0), Step((CHIEF,), 600.0)), results=())


def _main(folder: str, port: str, ca_file: str) -> None:
    box = open_box(Path(folder))
    settings = EmailSettings(
        "localhost", int(port), "osteon@hospital.example", ca_file=Path(ca_file)
    )
    box.channels["mail"] = EmailChannel(settings, load("en"), SystemClock())
    with box.delivering(MAIL_ONLY):
        threading.Event().wait()


if __name__ == "__main__":
    _main(*sys.argv[1:])
