"""Other settings for a receiver and a deliverer that are at work: what is under way goes on."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import trustme
from pydicom import uid

from appliance.alerts.catalogue import load
from appliance.alerts.email import EmailChannel
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.clock import SystemClock
from appliance.domain import MessageKind
from appliance.ledger.delivery import DeliveryLedger
from appliance.loops import Loops
from appliance.pipeline.deliver.deliverer import Deliverer
from appliance.pipeline.receive import Peer
from tests.simulators import objects
from tests.simulators.alerting import CASE
from tests.simulators.box import wait_until
from tests.simulators.delivering import MAIL_ONLY, POLICY, Box, new_box
from tests.simulators.mail import MailServer, free_port, mail_server
from tests.simulators.modality import associate
from tests.simulators.receiving import LOOPBACK, SETTINGS, running_receiver

FILM = (uid.DigitalXRayImageStorageForPresentation, (uid.ExplicitVRLittleEndian,))


def is_accepted(port: int, calling: str) -> bool:
    association = associate(port, [FILM], calling=calling)
    established = bool(association.is_established)
    if established:
        association.release()
    return established


def test_a_modality_that_is_taken_out_may_end_its_association_but_begin_none(
    tmp_path: Path,
) -> None:
    with running_receiver(tmp_path) as running:
        association = associate(running.port, [FILM], calling="DR1")
        only = replace(SETTINGS, peers=(Peer("CT7", LOOPBACK),), ae_title="OSTEON")
        running.receiver.adopt(running.endpoints, only)
        assert association.send_c_store(objects.film()).Status == 0
        association.release()
        assert not is_accepted(running.port, "DR1")
        assert is_accepted(running.port, "CT7")


def test_fewer_places_hold_for_the_next_association(tmp_path: Path) -> None:
    with running_receiver(tmp_path) as running:
        association = associate(running.port, [FILM], calling="DR1")
        fewer = replace(SETTINGS.limits, associations_per_peer=1)
        running.receiver.adopt(running.endpoints, replace(SETTINGS, limits=fewer))
        assert not is_accepted(running.port, "DR1")
        association.release()
        wait_until(lambda: is_accepted(running.port, "DR1"), 10)


def test_room_that_must_stay_free_holds_for_open_associations_too_once_they_are_new(
    tmp_path: Path,
) -> None:
    with running_receiver(tmp_path) as running:
        running.receiver.adopt(running.endpoints, replace(SETTINGS, reserved_bytes=1 << 60))
        association = associate(running.port, [FILM], calling="DR1")
        assert association.send_c_store(objects.film()).Status == 0xA700
        association.release()


def _served(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def _shakes_hands(port: int, authority: trustme.CA) -> bool:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    authority.configure_trust(trusting)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        try:
            trusting.wrap_socket(raw).close()
        except ssl.SSLCertVerificationError:
            return False
        return True


def test_a_renewed_certificate_is_shown_to_whoever_comes_next(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    with running_receiver(tmp_path, tls=_served(old)) as running:
        assert _shakes_hands(running.tls_port, old)
        plain, secured = running.endpoints
        running.receiver.adopt([plain, replace(secured, tls=_served(new))], SETTINGS)
        assert _shakes_hands(running.tls_port, new)
        assert not _shakes_hands(running.tls_port, old)


# --- the deliverer --------------------------------------------------------------------------------


@contextmanager
def delivering(box: Box, adopt: Callable[[Deliverer], None]) -> Iterator[threading.Event]:
    """A deliverer at work; once the event is set it is given other settings, between two turns."""
    stop, asked = threading.Event(), threading.Event()
    deliverer = Deliverer(
        outbox=box.work,
        ledger=DeliveryLedger(box.ledger_path),
        senders=box.senders(),
        policy=replace(POLICY, results=()),
        clock=SystemClock(),
        site="County Hospital",
        loops=Loops(SystemClock()),
    )

    def between_turns() -> None:
        if asked.is_set():
            adopt(deliverer)
            asked.clear()

    thread = threading.Thread(target=deliverer.run, args=(stop, between_turns))
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def _mail_to(server: MailServer) -> EmailChannel:
    return EmailChannel(server.settings(), load("en"), SystemClock())


def _tried(box: Box) -> set[str]:
    ledger = box.recorded()
    try:
        deliveries = [one for item in ledger.of_case(CASE) for one in item.deliveries]
    finally:
        ledger.close()
    return {one.destination.channel for one in deliveries if one.state == "failed"}


def test_an_alert_under_way_goes_out_by_the_new_mail_server_and_forgets_the_old_printer(
    tmp_path: Path,
) -> None:
    for name in ("box", "one", "two"):
        (tmp_path / name).mkdir()
    box = new_box(tmp_path / "box")
    with mail_server(tmp_path / "one") as gone:
        dead = _mail_to(gone)
    nowhere = PrinterSettings(f"ipp://127.0.0.1:{free_port()}/ipp/print", poll_s=0.05)
    box.channels = {"mail": dead, "paper": PrinterChannel(nowhere)}
    with mail_server(tmp_path / "two") as server:

        def adopt(deliverer: Deliverer) -> None:
            box.channels = {"mail": _mail_to(server)}
            deliverer.adopt(box.senders(), MAIL_ONLY, "Renamed Hospital")

        with delivering(box, adopt) as asked:
            box.post(MessageKind.CLINICAL_ALERT)
            wait_until(lambda: _tried(box) == {"mail", "paper"}, 20)
            asked.set()
            assert CASE in str(server.next()["Subject"])
