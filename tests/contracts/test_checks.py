"""What every live check must do, tried on each one against peers that work, fail or are not there.

A new check is held to it by its line in the registry.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from appliance.alerts.channel import Envelope, Page
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.checks import REGISTRY
from appliance.checks.kernel_clock import Discipline, discipline
from appliance.checks.probe import Probe, Surroundings
from appliance.checks.result import CheckResult, CheckState, worst
from appliance.checks.run import probes, run
from appliance.clock import SystemClock
from appliance.config.load import parse_site
from appliance.domain import CaseCode
from appliance.error_catalogue import CATALOGUE
from appliance.errors import DeliveryError
from tests.simulators.alerting import PDF
from tests.simulators.box import Surroundings as Around
from tests.simulators.box import site_yaml, wait_until
from tests.simulators.mail import MailServer, free_port, mail_server
from tests.simulators.pacs import orthanc
from tests.simulators.printer import Paper, ipp_printer
from tests.simulators.scp import serving

CLOCK = SystemClock()
KEPT = Discipline(is_synchronised=True, largest_error_s=0.01)


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail"), login=True) as server:
        yield server


@pytest.fixture
def around(tmp_path: Path, mail: MailServer) -> Callable[..., Surroundings]:
    """A site whose peers are not there, except for the mail server; changes as in `site_yaml`."""

    def make(**changes: Any) -> Surroundings:
        pacs = ("NOBODY", free_port())
        printer = f"ipp://127.0.0.1:{free_port()}/ipp/print"
        text = site_yaml(tmp_path, free_port(), Around(mail, printer, pacs), changes)
        site = parse_site(text.encode(), "site.yaml")
        return Surroundings(site, CLOCK, discipline=lambda: KEPT)

    return make


def results_of(kind: str, around: Surroundings) -> list[CheckResult]:
    """What one kind of check says, in the order of its probes."""
    found = dict(run(REGISTRY[kind](around), CLOCK))
    return [found[place] for place in sorted(found)]


def only(kind: str, around: Surroundings) -> CheckResult:
    (result,) = results_of(kind, around)
    return result


# --- every check ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REGISTRY)
def test_where_nothing_is_as_it_should_be_every_check_says_what_and_what_to_do(
    kind: str, around: Callable[..., Surroundings], tmp_path: Path
) -> None:
    absent = str(tmp_path / "absent")
    nowhere = {"host": "mail.invalid", "port": free_port(), "ca_file": absent}
    surroundings = around(
        packs={"folder": absent},
        mail={"security": "tls", "sender": "box@site.example", **nowhere},
        state_folder=absent,
    )
    broken = replace(
        surroundings,
        free_bytes=lambda _: 0,
        discipline=lambda: Discipline(is_synchronised=False, largest_error_s=16.0),
    )
    results = results_of(kind, broken)
    assert results
    for result in results:
        if kind == "devices":  # which nothing here can take away
            continue
        assert result.state in {CheckState.FAILED, CheckState.WARNING}, result
        assert result.code in CATALOGUE
        assert result.code not in {"check-crashed", "check-timeout"}
        assert result.hint == CATALOGUE[result.code].hint


@pytest.mark.parametrize("kind", REGISTRY)
def test_a_probe_answers_under_its_own_name(kind: str, around: Callable[..., Surroundings]) -> None:
    surroundings = around()
    names = [probe.name for probe in REGISTRY[kind](surroundings)]
    assert [result.name for result in results_of(kind, surroundings)] == names


def test_no_two_probes_have_the_same_name(around: Callable[..., Surroundings]) -> None:
    names = [probe.name for probe in probes(around())]
    assert len(names) == len(set(names))


def test_a_probe_that_fails_in_an_unforeseen_way_says_nothing_of_what_it_was_given() -> None:
    def look() -> CheckResult:
        raise ValueError("Canary^Clara")

    ((place, result),) = run([Probe("one", look)], CLOCK)
    assert place == 0
    assert (result.name, result.state, result.code) == ("one", CheckState.FAILED, "check-crashed")
    assert "Canary" not in str(result)


def test_who_may_not_look_is_told_to_be_root() -> None:
    def look() -> CheckResult:
        raise PermissionError

    ((_, result),) = run([Probe("one", look)], CLOCK)
    assert result.code == "check-not-allowed"
    assert "root" in result.hint


@pytest.mark.parametrize(("kind", "name"), [("pacs", "PACS"), ("printers", "printers")])
def test_what_a_site_does_not_have_is_said(
    kind: str, name: str, around: Callable[..., Surroundings]
) -> None:
    without = {
        "pacs": [],
        "printers": [],
        "alerts": {
            "steps": [{"email": ["night@hospital.example"]}],
            "technician": {"email": ["it@hospital.example"]},
        },
    }
    result = only(kind, around(**without))
    assert (result.name, result.state) == (name, CheckState.SKIPPED)


def test_a_probe_that_hangs_is_left_behind_and_the_others_are_told() -> None:
    never = threading.Event()
    sound = CheckResult("sound", CheckState.OK, "fine")

    def hang() -> CheckResult:
        never.wait()
        return sound

    found = dict(run([Probe("hung", hang), Probe("sound", lambda: sound)], CLOCK, 2.0))
    never.set()
    assert found[0].code == "check-timeout"
    assert found[1].state is CheckState.OK
    assert worst(found.values()) is CheckState.FAILED


# --- one by one -----------------------------------------------------------------------------------


def test_a_box_without_packs(around: Callable[..., Surroundings], tmp_path: Path) -> None:
    assert only("packs", around(packs={"folder": str(tmp_path)})).code == "packs-missing"


def test_a_pacs_that_is_down(around: Callable[..., Surroundings]) -> None:
    assert only("pacs", around()).code == "pacs-unreachable"


def test_a_pacs_that_answers_and_wants_another_title(
    around: Callable[..., Surroundings], tmp_path: Path
) -> None:
    with orthanc(tmp_path) as server:
        known = {"name": "main", "host": "127.0.0.1", "port": server.dicom_port}
        right = around(pacs=[{**known, "ae_title": server.ae_title}])
        wrong = around(pacs=[{**known, "ae_title": "OTHER"}])
        assert only("pacs", right).state is CheckState.OK
        assert only("pacs", wrong).code == "pacs-refuses-association"


def test_a_pacs_that_takes_no_reports(around: Callable[..., Surroundings]) -> None:
    entity = AE(ae_title="ECHO")
    entity.add_supported_context(Verification)
    with serving(entity) as port:
        echo = {"name": "echo", "ae_title": "ECHO", "host": "127.0.0.1", "port": port}
        result = only("pacs", around(pacs=[echo]))
    assert result.code == "pacs-refuses-class"
    assert "Comprehensive 3D SR" in result.found


def _login(mail: MailServer, file: Path, password: str) -> dict[str, Any]:
    file.write_text(password)
    file.chmod(0o600)
    return {
        "host": "localhost",
        "port": mail.port,
        "security": "starttls",
        "sender": "osteon@hospital.example",
        "ca_file": str(mail.ca_file),
        "login": "osteon",
        "password_file": str(file),
    }


def test_a_mail_password(
    around: Callable[..., Surroundings], mail: MailServer, tmp_path: Path
) -> None:
    wrong = around(mail=_login(mail, tmp_path / "wrong", "hunter2"))
    result = only("mail", wrong)
    assert result.code == "mail-login-refused"
    assert "hunter2" not in str(result)
    right = around(mail=_login(mail, tmp_path / "right", "correct horse"))
    assert only("mail", right).state is CheckState.OK
    assert not mail.messages


def test_a_name_that_nobody_knows(around: Callable[..., Surroundings]) -> None:
    nobody = [{"name": "main", "ae_title": "X", "host": "pacs.invalid", "port": 104}]
    found = {result.name: result for result in results_of("names", around(pacs=nobody))}
    assert found["name pacs.invalid"].code == "host-unknown"
    assert found["name localhost"].state is CheckState.OK


@contextmanager
def printing(uri: str) -> Iterator[None]:
    """A job that somebody else has sent."""
    channel = PrinterChannel(PrinterSettings(uri, printing_s=20.0, poll_s=0.5))
    errors: list[DeliveryError] = []

    def send() -> None:
        try:
            channel.send(Envelope("1", 0, ""), Page(CaseCode("ABC-DEFG"), PDF))
        except DeliveryError as error:
            errors.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()


def test_a_printer_without_paper(
    around: Callable[..., Surroundings], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ipp_printer(tmp_path_factory.mktemp("p")) as printer:
        site = around(printers=[{"name": "night-desk", "uri": printer.uri}])
        assert only("printers", site).state is CheckState.OK
        printer.set_paper(Paper.EMPTY)
        with printing(printer.uri):
            wait_until(lambda: only("printers", site).code == "printer-out-of-paper", 30)
            printer.set_paper(Paper.PRINTS)


@pytest.mark.parametrize(
    ("free_mib", "state", "code"),
    [(12, "failed", "disk-full"), (24, "warning", "disk-nearly-full"), (4000, "ok", "")],
)
def test_a_disk(around: Callable[..., Surroundings], free_mib: int, state: str, code: str) -> None:
    result = only("disk", replace(around(), free_bytes=lambda _: free_mib << 20))
    assert (result.state, result.code) == (state, code)


@pytest.mark.parametrize(
    ("kept", "code"),
    [
        (Discipline(is_synchronised=True, largest_error_s=0.2), ""),
        (Discipline(is_synchronised=True, largest_error_s=9.0), "clock-unsynchronised"),
        (Discipline(is_synchronised=False, largest_error_s=0.2), "clock-unsynchronised"),
    ],
)
def test_a_clock(around: Callable[..., Surroundings], kept: Discipline, code: str) -> None:
    result = only("clock", replace(around(), discipline=lambda: kept))
    assert result.code == code


def test_a_clock_that_the_site_sets_by_hand(around: Callable[..., Surroundings]) -> None:
    alone = Discipline(is_synchronised=False, largest_error_s=16.0)
    by_hand = replace(around(health={"clock_needs_server": False}), discipline=lambda: alone)
    assert only("clock", by_hand).state is CheckState.OK


def test_the_kernel_says_how_its_clock_is_kept() -> None:
    assert discipline().largest_error_s >= 0.0


@pytest.mark.parametrize(("days", "state"), [(-2, "failed"), (10, "warning"), (90, "ok")])
def test_a_certificate(
    around: Callable[..., Surroundings], tmp_path: Path, days: int, state: str
) -> None:
    end = datetime.now(UTC) + timedelta(days=days)
    begin = end - timedelta(days=100)
    own = trustme.CA().issue_cert("box.example", not_before=begin, not_after=end)
    certificate, key = tmp_path / "box.crt", tmp_path / "box.key"
    own.cert_chain_pems[0].write_to_path(str(certificate))
    own.private_key_pem.write_to_path(str(key))
    tls = {"port": free_port(), "certificate_file": str(certificate), "key_file": str(key)}
    plain = around().site.dicom
    dicom = {
        "ae_title": plain.ae_title,
        "port": plain.port,
        "modalities": [{"ae_title": "CT1", "address": "127.0.0.1"}],
        "tls": tls,
    }
    found = {result.name: result for result in results_of("certificates", around(dicom=dicom))}
    assert found["certificate dicom.tls.certificate_file"].state == state
