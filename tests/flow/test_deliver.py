"""From the outbox to the doctor: real ledgers, real mail, real paper.

Fault 72 (nobody acknowledges), and what a kill at any moment leaves behind.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from appliance.alerts.catalogue import load
from appliance.alerts.email import EmailChannel
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.clock import SystemClock
from appliance.domain import MessageKind
from appliance.errors import DeliveryError, UsageError
from appliance.ledger.delivery import DeliveryLedger, DeliveryState, Progress
from appliance.pipeline.deliver.senders import ArchiveSender
from tests.simulators.alerting import CANARIES, CASE, PDF
from tests.simulators.delivering import (
    CHIEF,
    DOCTOR,
    MAIL_ONLY,
    PACS,
    POLICY,
    PRINTER,
    QUICK,
    TECHNICIAN,
    Box,
    new_box,
)
from tests.simulators.mail import MailServer, Mood, black_hole, free_port, mail_server
from tests.simulators.printer import Paper, Printer, ipp_printer, missing

REPOSITORY = Path(__file__).parents[2]


@dataclass
class FakeArchive:
    """A PACS that refuses a few times; the real one is tried with the results."""

    refusals: int = 0
    took: list[bytes] = field(default_factory=list)

    def send(self, part10: bytes) -> str:
        if self.refusals:
            self.refusals -= 1
            raise DeliveryError("pacs-unreachable")
        self.took.append(part10)
        return "0x0000"


def _until(happened: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def _email(server: MailServer, **changes: Any) -> EmailChannel:
    return EmailChannel(server.settings(**changes), load("en"), SystemClock())


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Printer]:
    assert not missing(), f"missing packages: {missing()}"
    with ipp_printer(tmp_path / "printer") as printer:
        yield printer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as server:
        yield server


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive()


@pytest.fixture
def box(tmp_path: Path, server: MailServer, printer: Printer, archive: FakeArchive) -> Box:
    (tmp_path / "state").mkdir()
    box = new_box(tmp_path / "state")
    box.channels["mail"] = _email(server)
    box.channels["paper"] = PrinterChannel(PrinterSettings(printer.uri, poll_s=0.05))
    box.others["pacs"] = ArchiveSender(archive, box.read_blob)
    return box


def _items(box: Box) -> tuple[Progress, ...]:
    ledger = box.recorded()
    try:
        return ledger.of_case(CASE)
    finally:
        ledger.close()


def _ended(box: Box, ending: str) -> Callable[[], bool]:
    return lambda: any(one.ending == ending for one in _items(box))


def test_an_alert_is_mailed_and_printed_and_stored_once(
    box: Box, server: MailServer, printer: Printer, archive: FakeArchive
) -> None:
    with box.delivering():
        box.post(MessageKind.CLINICAL_ALERT, MessageKind.RESULT_OBJECT)
        _until(lambda: server.messages and printer.printed() and archive.took)
        _until(_ended(box, "delivered"))
    assert [one["To"] for one in server.messages] == [DOCTOR.recipient]
    assert printer.printed() == [PDF]
    assert archive.took == [PDF]
    alert = next(one for one in _items(box) if one.kind is MessageKind.CLINICAL_ALERT)
    receipts = {one.destination: (one.state, one.receipt) for one in alert.deliveries}
    assert receipts[DOCTOR][0] is DeliveryState.SENT
    assert receipts[DOCTOR][1].startswith("250")
    assert receipts[PRINTER][0] is DeliveryState.SENT
    mail = server.raw[0] + server.messages[0].get_content().encode()
    assert not any(canary.encode() in mail for canary in CANARIES)


def test_nobody_acknowledges_so_the_next_is_told_until_somebody_does(
    box: Box, server: MailServer
) -> None:
    with box.delivering(QUICK):
        box.post(MessageKind.CLINICAL_ALERT)
        told = [server.next()["To"] for _ in range(3)]
        assert told == [DOCTOR.recipient, CHIEF.recipient, DOCTOR.recipient]
        box.acknowledge()
        _until(_ended(box, "acknowledged"))
        heard = len(server.messages)
    with box.delivering(QUICK):  # and a restart does not wake it up again
        _until(lambda: not box.recorded().open_items())
    assert len(server.messages) <= heard + 1
    (said,) = box.recorded().acknowledgements()
    assert (said.case, said.by) == (CASE, "Dr. Li")


def test_an_amendment_takes_the_place_of_the_alert_and_needs_its_own_acknowledgement(
    box: Box, server: MailServer
) -> None:
    with box.delivering():
        box.post(MessageKind.CLINICAL_ALERT)
        server.next()
        box.acknowledge()
        box.post(MessageKind.AMENDED_ALERT)
        assert "AMENDED" in server.next()["Subject"]
        box.post(MessageKind.AMENDED_ALERT)
        server.next()
        _until(_ended(box, "superseded"))
    assert [one.ending for one in _items(box)] == ["acknowledged", "superseded", None]


def test_an_acknowledgement_does_not_swallow_an_amendment_that_is_on_its_way(
    box: Box, server: MailServer, printer: Printer
) -> None:
    with box.delivering():
        box.post(MessageKind.CLINICAL_ALERT)
        server.next()
        _until(lambda: all(d.state is DeliveryState.SENT for d in _items(box)[0].deliveries))
        server.mood = Mood.DEFERS
        printer.set_paper(Paper.EMPTY)
        box.post(MessageKind.AMENDED_ALERT)
        _until(lambda: len(_items(box)) == 2)
        box.acknowledge()
        server.mood = Mood.KIND
        assert "AMENDED" in server.next()["Subject"]


def test_a_mail_server_that_is_down_gets_the_alert_when_it_is_up(
    tmp_path: Path, box: Box, printer: Printer
) -> None:
    port = free_port()
    folder = tmp_path / "later"
    folder.mkdir()
    with mail_server(folder) as first:
        ca_file = first.ca_file.read_bytes()
    assert ca_file
    with mail_server(folder, port=port) as later:
        box.channels["mail"] = _email(later)
        box.post(MessageKind.CLINICAL_ALERT)
        later.mood = Mood.DEFERS
        with box.delivering(replace(QUICK, results=())):
            _until(lambda: _failed(box, "mail-deferred"))
            assert not later.messages
            later.mood = Mood.KIND
            assert CASE in later.next()["Subject"]
    assert printer.printed()


def _failed(box: Box, code: str) -> bool:
    return any(one.code == code for item in _items(box) for one in item.deliveries)


def test_a_printer_that_is_gone_moves_on_and_tells_the_technician(
    box: Box, server: MailServer
) -> None:
    nowhere = PrinterSettings(f"ipp://127.0.0.1:{free_port()}/ipp/print")
    box.channels["paper"] = PrinterChannel(nowhere)
    with box.delivering():
        box.post(MessageKind.CLINICAL_ALERT)
        _until(
            lambda: (
                {DOCTOR.recipient, CHIEF.recipient, TECHNICIAN.recipient}
                <= {one["To"] for one in server.messages}
            )
        )
    notices = [one for one in server.messages if one["To"] == TECHNICIAN.recipient]
    assert [one["Subject"] for one in notices] == [
        "Osteon needs a technician: printer-unreachable - County Hospital"
    ]


def test_paper_is_printed_when_there_is_paper_again(box: Box, printer: Printer) -> None:
    printer.set_paper(Paper.EMPTY)
    with box.delivering():
        box.post(MessageKind.CLINICAL_ALERT)
        _until(lambda: _failed(box, "printer-out-of-paper"))
        printer.set_paper(Paper.PRINTS)
        _until(printer.printed)


def test_a_black_holed_mail_server_does_not_delay_the_printer(
    box: Box, server: MailServer, printer: Printer
) -> None:
    with black_hole() as port:
        box.channels["mail"] = _email(server, port=port, answer_s=600.0, whole_s=600.0)
        with box.delivering():
            box.post(MessageKind.CLINICAL_ALERT)
            _until(printer.printed)


def test_results_are_tried_until_the_archive_takes_them(box: Box, archive: FakeArchive) -> None:
    archive.refusals = 3
    with box.delivering():
        box.post(MessageKind.RESULT_OBJECT)
        _until(_ended(box, "delivered"))
    (item,) = _items(box)
    (delivery,) = item.deliveries
    assert (delivery.destination, delivery.tries) == (PACS, 4)


@contextlib.contextmanager
def _process(box: Box, port: int, ca_file: Path) -> Iterator[None]:
    """A deliverer in a process of its own, which ends by SIGKILL."""
    command = [sys.executable, "-m", "tests.simulators.delivering", str(box.folder)]
    with subprocess.Popen([*command, str(port), str(ca_file)], cwd=REPOSITORY) as process:
        try:
            yield
        finally:
            process.kill()


def test_a_killed_deliverer_loses_nothing(tmp_path: Path, server: MailServer) -> None:
    (tmp_path / "state").mkdir()
    box = new_box(tmp_path / "state")
    box.post(MessageKind.CLINICAL_ALERT)
    with black_hole() as port, _process(box, port, server.ca_file):
        # Killed while the server holds the message back.
        _until(lambda: any(item.deliveries for item in _items(box)))
    (item,) = _items(box)
    assert [delivery.state for delivery in item.deliveries] == [DeliveryState.BEGUN]
    with _process(box, server.port, server.ca_file):
        assert server.next()["To"] == DOCTOR.recipient
        _until(lambda: _items(box)[0].deliveries[0].state is DeliveryState.SENT)
    box.channels["mail"] = _email(server)
    with box.delivering(MAIL_ONLY):  # what is recorded as sent is not sent again
        box.acknowledge()
        _until(_ended(box, "acknowledged"))
    assert len(server.messages) == 1


def test_a_crash_after_acceptance_sends_a_recognisable_duplicate(
    box: Box, server: MailServer
) -> None:
    box.post(MessageKind.CLINICAL_ALERT)
    with box.delivering():
        server.next()
        _until(lambda: all(d.state is DeliveryState.SENT for d in _items(box)[0].deliveries))
    ledger = DeliveryLedger(box.ledger_path)
    (item,) = ledger.open_items()
    sent = item.delivery(DOCTOR, 0)
    assert sent is not None
    ledger.record(item.id, replace(sent, state=DeliveryState.BEGUN))  # as if killed before it
    ledger.close()
    with box.delivering():
        server.next()
    first, second = server.messages
    assert first["Message-ID"] == second["Message-ID"]


def test_a_ledger_that_cannot_be_written_stops_no_alert(
    box: Box, server: MailServer, printer: Printer
) -> None:
    full = DeliveryLedger(box.ledger_path, read_only=True)
    with box.delivering(ledger=full):
        box.post(MessageKind.CLINICAL_ALERT)
        server.next()
        _until(printer.printed)
    assert [one["To"] for one in server.messages] == [DOCTOR.recipient]
    assert len(printer.printed()) == 1


def test_a_page_that_cannot_be_unsealed_still_mails_and_tells_the_next(
    box: Box, server: MailServer
) -> None:
    box.post(MessageKind.CLINICAL_ALERT)
    for name in box.blobs.names():
        box.blobs.delete(name)
    with box.delivering():
        told = {server.next()["To"] for _ in range(3)}
    assert told == {DOCTOR.recipient, CHIEF.recipient, TECHNICIAN.recipient}


def test_who_acknowledges_must_name_a_case_that_is_known_and_themselves(box: Box) -> None:
    with pytest.raises(UsageError, match="case-unknown"):
        box.acknowledge()
    box.post(MessageKind.CLINICAL_ALERT)
    with box.delivering():
        _until(lambda: _items(box))
    with pytest.raises(UsageError, match="name-missing"):
        box.acknowledge("  ")


def test_every_channel_of_the_policy_must_be_there(box: Box) -> None:
    del box.channels["paper"]
    with pytest.raises(ValueError, match="paper"), box.delivering(POLICY):
        pass
