"""Osteon with its peers around it, and the studies sent to it one after another."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from appliance.domain import Outcome
from appliance.ledger.delivery import DeliveryLedger, DeliveryState
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import Revision, WorkLedger
from appliance.sealing import MasterKey
from tests.demo.timeline import Row
from tests.simulators.box import Box, Surroundings, running_box
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.modality import dcmtk
from tests.simulators.pacs import Orthanc, orthanc
from tests.simulators.printer import Printer, ipp_printer

PATIENCE_S = 180.0
CHANNELS = {"mail": "mailed", "printer": "printed", "pacs": "in PACS"}


@dataclass
class Stage:
    """The running box and its peers."""

    box: Box
    mail: MailServer
    printer: Printer
    pacs: Orthanc
    master: MasterKey
    intake: IntakeLedger
    work: WorkLedger
    delivery: DeliveryLedger

    def play(self, row: Row, redraw: Callable[[], None]) -> None:
        """Send one study, then follow it until everything about it is delivered."""
        row.state = "sending"
        redraw()
        performer = row.performer
        sent = dcmtk("storescu", self.box.port, *performer.files, calling=performer.calling_ae)
        if sent.returncode:
            row.state = f"storescu failed: {sent.stderr.strip()[-80:]}"
            return
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and not self._follow(row):
            redraw()
            time.sleep(0.1)
        redraw()

    def _follow(self, row: Row) -> bool:
        """Bring the row up to date; whether all is done."""
        study = self.master.study_key(row.performer.study_uid)
        last = self.intake.last_received_at(study)
        revision = self.work.latest(study)
        if last is None or revision is None:
            return False
        row.seconds["received"] = 0.0
        row.state, row.outcome = revision.state, revision.outcome
        for event in self.work.events(study):
            if event.name in {"complete", "analysed", "reported"}:
                row.seconds[event.name] = event.at - last
        return revision.outcome is not None and self._delivered(row, revision, last)

    def _delivered(self, row: Row, revision: Revision, last: float) -> bool:
        progress = self.delivery.of_case(revision.case)
        awaited = 0
        for item in progress:
            for each in item.deliveries:
                if each.state is DeliveryState.SENT:
                    step = CHANNELS[each.destination.channel.partition(":")[0]]
                    row.seconds[step] = each.last.wall - last
                else:
                    awaited += 1
        posted = len(self.work.outbox_of(revision.study))
        needs_more = row.outcome is Outcome.ALERT and "mailed" not in row.seconds
        return (
            awaited == 0
            and len(progress) == posted
            and not needs_more
            and all(item.deliveries for item in progress)
        )

    def pages(self) -> list[bytes]:
        """What the printer printed."""
        return self.printer.printed()

    def save_results(self, output: Path) -> Iterator[Path]:
        """Every picture that came back into the PACS as PNG, and every report as text."""
        for instance in self.pacs.get("/instances"):
            tags = self.pacs.get(f"/instances/{instance}/simplified-tags")
            name = f"{tags['Modality'].lower()}-{tags['SeriesDescription'].replace(' ', '-')}"
            base = f"http://127.0.0.1:{self.pacs.http_port}/instances/{instance}"
            if tags["Modality"] == "SR":
                file = output / f"{name}.dcm"
                file.write_bytes(_fetched(f"{base}/file"))
                text = subprocess.run(
                    ["dsrdump", "+Pf", file], capture_output=True, text=True, check=False
                ).stdout
                report = file.with_suffix(".txt")
                report.write_text(text)
                yield report
            else:
                picture = output / f"{name}-{tags['InstanceNumber']}.png"
                picture.write_bytes(_fetched(f"{base}/preview", accept="image/png"))
                yield picture

    def faults(self, rows: list[Row], canary: str) -> Iterator[str]:
        """Everything that is not as it has to be."""
        for row in rows:
            if not row.is_right:
                ended = row.outcome.value if row.outcome else row.state
                yield f"{row.performer.title}: {ended}, expected {row.performer.ends_as.value}"
        alerts = [row for row in rows if row.performer.ends_as is Outcome.ALERT]
        if len(self.mail.messages) != len(alerts):
            yield f"{len(self.mail.messages)} mails, expected {len(alerts)}"
        if len(self.pages()) != len(alerts):
            yield f"{len(self.pages())} printed pages, expected {len(alerts)}"
        for row in alerts:
            if missing := set(CHANNELS.values()) - row.seconds.keys():
                yield f"{row.performer.title}: not {', '.join(sorted(missing))}"
        if any(canary.encode() in raw for raw in self.mail.raw):
            yield "a patient's name stands in a mail"
        if canary in self.box.log:
            yield "a patient's name stands in the journal"


def open_stage(stack: ExitStack, folder: Path) -> Stage:
    """Start everything; the stack ends it."""
    for name in ("pacs", "box"):
        (folder / name).mkdir()
    mail = stack.enter_context(mail_server(folder))
    printer = stack.enter_context(ipp_printer(folder / "p"))
    pacs = stack.enter_context(orthanc(folder / "pacs"))
    around = Surroundings(mail, printer.uri, (pacs.ae_title, pacs.dicom_port))
    box = stack.enter_context(
        running_box(folder / "box", around, results={"send_below_threshold": True})
    )
    state = box.state
    ledgers = (
        IntakeLedger(state / "receive" / "intake.db", read_only=True),
        WorkLedger(state / "analyse" / "work.db", read_only=True),
        DeliveryLedger(state / "deliver" / "delivery.db", read_only=True),
    )
    for ledger in ledgers:
        stack.callback(ledger.close)
    return Stage(box, mail, printer, pacs, MasterKey.load(folder / "box" / "master.key"), *ledgers)


def _fetched(address: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(address, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as reply:
        content: bytes = reply.read()
    return content
