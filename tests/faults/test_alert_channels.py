"""Faults 69 to 71: mail servers and printers that fail, on their real protocols.

Fault 72 (nobody acknowledges) is in `tests/flow/test_deliver.py`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from appliance.alerts.catalogue import load
from appliance.alerts.channel import Envelope
from appliance.alerts.email import EmailChannel, EmailSettings, MailSecurity
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.clock import SystemClock
from appliance.errors import DeliveryError
from tests.simulators.alerting import CANARIES, CASE, PAGE, PDF, SUMMARY
from tests.simulators.mail import PASSWORD, MailServer, Mood, black_hole, free_port, mail_server
from tests.simulators.printer import Paper, Printer, ipp_printer, missing

ENVELOPE = Envelope("box/17", 0, "doctor@hospital.example")


def _channel(settings: EmailSettings, language: str = "en") -> EmailChannel:
    return EmailChannel(settings, load(language), SystemClock())


def _failure(settings: EmailSettings, envelope: Envelope = ENVELOPE) -> tuple[str, bool]:
    with pytest.raises(DeliveryError) as caught:
        _channel(settings).send(envelope, SUMMARY)
    return caught.value.code, caught.value.permanent


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as server:
        yield server


# --- mail -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", MailSecurity)
@pytest.mark.parametrize("login", [False, True])
def test_both_ways_of_tls_with_and_without_login(
    tmp_path: Path,
    security: MailSecurity,
    login: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    with mail_server(tmp_path, security, login=login) as server:
        assert _channel(server.settings()).send(ENVELOPE, SUMMARY).text.startswith("250")
        assert server.next()["To"] == ENVELOPE.recipient


def test_a_deferral_is_transient_and_a_refusal_permanent(server: MailServer) -> None:
    server.mood = Mood.DEFERS
    assert _failure(server.settings()) == ("mail-deferred", False)
    server.mood = Mood.REFUSES
    assert _failure(server.settings()) == ("mail-refused", True)


def test_a_reset_after_250_counts_as_delivered(server: MailServer) -> None:
    server.mood = Mood.RESETS
    assert _channel(server.settings()).send(ENVELOPE, SUMMARY).text.startswith("250")
    assert len(server.messages) == 1


@pytest.mark.parametrize("security", MailSecurity)
def test_a_black_hole_ends_at_the_deadline(tmp_path: Path, security: MailSecurity) -> None:
    with mail_server(tmp_path) as server, black_hole() as port:
        settings = server.settings(port=port, security=security, answer_s=0.3)
        assert _failure(settings) == ("mail-timeout", False)


@pytest.mark.parametrize("security", MailSecurity)
def test_a_certificate_of_a_stranger_is_refused(tmp_path: Path, security: MailSecurity) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    with mail_server(tmp_path, security) as server:
        assert _failure(server.settings(ca_file=stranger)) == ("mail-certificate", True)
        assert _failure(server.settings(ca_file=None)) == ("mail-certificate", True)
        assert not server.messages


def test_a_wrong_password_is_permanent_and_never_told(tmp_path: Path) -> None:
    with mail_server(tmp_path, login=True) as server:
        settings = server.settings(password="wrong")
        assert _failure(settings) == ("mail-login-refused", True)
        assert PASSWORD not in repr(server.settings())


def test_no_starttls_means_no_mail() -> None:
    with _clear_text_server() as (port, heard):
        settings = EmailSettings("localhost", port, "osteon@hospital.example")
        assert _failure(settings) == ("mail-starttls-missing", True)
    assert not any(line.upper().startswith(b"MAIL") for line in heard)


def test_a_name_that_does_not_resolve_is_transient() -> None:
    settings = EmailSettings("mail.invalid", 25, "osteon@hospital.example")
    assert _failure(settings) == ("mail-host-unknown", False)


def test_a_ca_file_that_is_none(tmp_path: Path, server: MailServer) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing")
    assert _failure(server.settings(ca_file=nonsense)) == ("ca-file-unusable", True)
    assert _failure(server.settings(ca_file=tmp_path / "none")) == ("ca-file-unusable", True)


@pytest.mark.parametrize("recipient", ["a@b.example\r\nBcc: x@y.example", "", "nobody", "a@b@c"])
def test_an_address_that_is_none_reaches_no_header(server: MailServer, recipient: str) -> None:
    code = _failure(server.settings(), replace(ENVELOPE, recipient=recipient))
    assert code == ("mail-address-invalid", True)
    assert not server.messages


def test_line_breaks_in_the_sites_name_reach_no_header(server: MailServer) -> None:
    summary = replace(SUMMARY, site="County\r\nBcc: x@y.example\u2028Hospital\x85X")
    _channel(server.settings()).send(ENVELOPE, summary)
    message = server.next()
    assert message["Bcc"] is None
    assert "County Bcc: x@y.example Hospital X" in message["Subject"]


def test_the_same_delivery_has_the_same_message_id(server: MailServer) -> None:
    channel = _channel(server.settings())
    for envelope in (
        ENVELOPE,
        ENVELOPE,
        replace(ENVELOPE, stage=1),
        replace(ENVELOPE, outbox="b/18"),
    ):
        channel.send(envelope, SUMMARY)
    first, again, next_stage, other = (one["Message-ID"] for one in server.messages)
    assert first == again
    assert len({first, next_stage, other}) == 3
    assert "NOT ACKNOWLEDGED" in server.messages[2]["Subject"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_mail_says_what_it_must_and_nothing_about_the_patient(
    server: MailServer, language: str
) -> None:
    hostile = replace(SUMMARY, modality=CANARIES[0])
    _channel(server.settings(), language).send(ENVELOPE, hostile)
    message = server.next()
    text = f"{message['Subject']}\n{message.get_content()}"
    for wanted in (CASE, "County Hospital", load(language).text("terms.disclaimer"), "0.91"):
        assert wanted in text
    assert load(language).side(SUMMARY.findings[0].side) in message["Subject"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Priority"] == "1"
    everything = server.raw[0].decode() + text
    assert not any(canary in everything for canary in CANARIES)


@contextlib.contextmanager
def _clear_text_server() -> Iterator[tuple[int, list[bytes]]]:
    """A server that knows ESMTP and no STARTTLS."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer, peer.makefile("rwb") as stream:
                    stream.write(b"220 old.example ESMTP\r\n")
                    stream.flush()
                    for line in stream:
                        heard.append(line)
                        stream.write(b"250 old.example\r\n")
                        stream.flush()

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1]), heard
        thread.join(5)


# --- paper ----------------------------------------------------------------------------------------


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Printer]:
    assert not missing(), f"missing packages: {missing()}"
    with ipp_printer(tmp_path / "printer") as printer:
        yield printer


def _print(printer: Printer, **changes: object) -> str:
    settings = replace(
        PrinterSettings(printer.uri, printing_s=20.0, poll_s=0.05),
        **changes,  # type: ignore[arg-type]
    )
    return PrinterChannel(settings).send(ENVELOPE, PAGE).text


def _print_failure(printer: Printer, **changes: object) -> tuple[str, bool]:
    with pytest.raises(DeliveryError) as caught:
        _print(printer, **changes)
    return caught.value.code, caught.value.permanent


def test_a_page_comes_out_as_it_was_sent_under_the_case_code(printer: Printer) -> None:
    assert "completed" in _print(printer)
    assert printer.printed() == [PDF]
    assert f"job-name (nameWithoutLanguage) {CASE}" in printer.log()
    assert not any(canary in printer.log() for canary in CANARIES)


def test_an_empty_tray_is_told_and_the_job_does_not_stay(printer: Printer) -> None:
    printer.set_paper(Paper.EMPTY)
    assert _print_failure(printer) == ("printer-out-of-paper", False)
    assert "Cancel-Job successful-ok" in printer.log()
    assert not printer.printed()


def test_the_next_page_on_an_empty_tray_is_told_the_same(printer: Printer) -> None:
    printer.set_paper(Paper.EMPTY)
    _print_failure(printer)
    # The cancelled job still waits in the printer, which answers that it is busy.
    assert _print_failure(printer) == ("printer-out-of-paper", False)
    assert "Print-Job server-error-busy" in printer.log()


def test_a_printer_at_work_on_a_page_is_busy_and_not_to_be_set_up_anew(printer: Printer) -> None:
    printer.set_paper(Paper.SLOW)
    assert _print_failure(printer, printing_s=0.5)[0] == "printer-stuck"
    assert _print_failure(printer) == ("printer-busy", False)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (0x0400, ("printer-refused", True)),  # client-error-bad-request
        (0x0504, ("printer-refused", False)),  # server-error-device-error: not busy, and may pass
        (0x050B, ("printer-busy", False)),  # server-error-too-many-jobs
    ],
)
def test_what_a_printer_answers_is_told_apart(status: int, told: tuple[str, bool]) -> None:
    with _refusing_printer(status) as uri, pytest.raises(DeliveryError) as caught:
        PrinterChannel(PrinterSettings(uri)).send(ENVELOPE, PAGE)
    assert (caught.value.code, caught.value.permanent) == told


@contextlib.contextmanager
def _refusing_printer(status: int) -> Iterator[str]:
    """Answers everything with one IPP status and what every answer must hold (RFC 8010 3.1)."""
    held = (
        (b"\x47", b"attributes-charset", b"utf-8"),
        (b"\x48", b"attributes-natural-language", b"en"),
    )
    attributes = b"".join(
        tag + b"".join(len(each).to_bytes(2, "big") + each for each in pair) for tag, *pair in held
    )
    head = b"\x02\x00" + status.to_bytes(2, "big") + b"\x00\x00\x00\x01"
    answer = head + b"\x01" + attributes + b"\x03"

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/ipp")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"ipp://127.0.0.1:{server.server_port}/ipp/print"
        finally:
            server.shutdown()


def test_success_without_printing_is_no_success(printer: Printer) -> None:
    printer.set_paper(Paper.LIES)
    assert _print_failure(printer) == ("printer-printed-nothing", True)


def test_a_printer_that_cannot_count_may_be_declared_so(printer: Printer) -> None:
    printer.set_paper(Paper.LIES)
    assert "completed" in _print(printer, counts_pages=False)


def test_an_aborted_job_is_tried_again(printer: Printer) -> None:
    printer.set_paper(Paper.ABORTS)
    assert _print_failure(printer) == ("printer-gave-up", False)


def test_a_queue_that_is_not_there_is_refused(printer: Printer) -> None:
    elsewhere = printer.uri.replace("/ipp/print", "/ipp/none")
    assert _print_failure(printer, uri=elsewhere)[0] == "printer-refused"


def test_a_printer_behind_a_stranger_certificate_gets_nothing(printer: Printer) -> None:
    # The simulator speaks TLS on the same port, with a certificate that it made for itself.
    secure = printer.uri.replace("ipp://", "ipps://")
    assert _print_failure(printer, uri=secure) == ("printer-certificate", True)
    assert not printer.printed()


def test_a_silent_printer_ends_at_the_deadline() -> None:
    with black_hole() as port:
        nowhere = Printer(f"ipp://127.0.0.1:{port}/ipp/print", Path())
        assert _print_failure(nowhere, request_s=0.3) == ("printer-unreachable", False)


def test_no_printer_at_all() -> None:
    nowhere = Printer(f"ipp://127.0.0.1:{free_port()}/ipp/print", Path())
    assert _print_failure(nowhere) == ("printer-unreachable", False)
