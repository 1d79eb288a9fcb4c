"""`osteon check` on a whole box: live, and with a phantom all the way to mail and paper."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from appliance.alerts.channel import Envelope, Page
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.checks import REGISTRY
from appliance.checks.probe import Surroundings
from appliance.clock import SystemClock
from appliance.config.load import load_site
from appliance.domain import CaseCode, Outcome
from appliance.errors import DeliveryError
from appliance.phantom import CALLING_AE_TITLE, MANUFACTURER, PATIENT_ID
from appliance.phantom.study import phantom_study
from appliance.provision.last_check import CheckKind, read_last_checks
from tests.simulators import spot_pack
from tests.simulators.box import OSTEON, prepared, running_box, wait_until
from tests.simulators.box import Surroundings as Around
from tests.simulators.hospital import Hospital, hospital
from tests.simulators.mail import mail_server
from tests.simulators.printer import Paper

pytestmark = pytest.mark.timeout(180)
TEST_MAIL = "TEST, no patient"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with hospital(tmp_path_factory.mktemp("site")) as running:
        yield running


def check(site: Hospital, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status, and the results by name."""
    done = site.box.command("check", "--json", *words)
    assert not done.stderr
    return done.returncode, by_name(done.stdout)


def by_name(report: str) -> dict[str, dict[str, Any]]:
    results = json.loads(report)["results"]
    found = {each["name"]: each for each in results}
    assert len(found) == len(results)
    return found


def test_a_box_that_works_fails_no_check(site: Hospital) -> None:
    status, results = check(site)
    states = {name: each["state"] for name, each in results.items()}
    assert "failed" not in states.values()
    # Whether a time server keeps the clock of the machine under test is not the box's doing.
    of_the_machine = {"clock", "modality CT1", "modality DR1"}
    assert {name for name, state in states.items() if state != "ok"} <= of_the_machine
    assert status == (3 if "warning" in states.values() else 0)
    around = Surroundings(load_site(site.box.config), SystemClock())
    assert results.keys() == {probe.name for make in REGISTRY.values() for probe in make(around)}
    assert len(results) > len(REGISTRY)


def test_a_modality_that_sent_is_seen(site: Hospital) -> None:
    site.ended(site.send(spot_pack.film(), calling="CT1"))
    _, results = check(site)
    assert results["modality CT1"]["state"] == "ok"
    assert results["modality CT1"]["found"] == "last sent 0 min ago"


def test_a_phantom_ends_as_a_test_mail_and_a_test_page_and_nowhere_else(
    site: Hospital, tmp_path: Path
) -> None:
    status, results = check(site, "--end-to-end")
    assert status == 0, results
    *steps, one, other = results
    assert steps == [
        *("phantom sent", "received", "taken up", "complete", "gated", "analysed", "reported")
    ]
    # Whichever is delivered first.
    assert {one, other} == {"mail night@hospital.example", "printer:night-desk"}
    kept = {each.kind: each.results for each in read_last_checks(site.box.state)}
    assert kept[CheckKind.END_TO_END] == tuple((name, "ok") for name in results)
    case = results["taken up"]["found"].removeprefix("case ")
    (mail,) = [each for each in site.mail.messages if case in each.get_content()]
    assert str(mail["Subject"]).startswith(TEST_MAIL)
    assert "There is no patient" in mail.get_content()
    assert mail["Importance"] is None
    pages = [text_of(each, tmp_path) for each in site.printer.printed()]
    (page,) = [each for each in pages if case in each]
    assert "TEST - NO PATIENT" in page
    for words in ("fracture suspected", "URGENT", "NOT ANALYSED", "osteon ack"):
        assert words not in page + mail.get_content()
    assert not [tags for tags in site.pacs.instances() if case in tags["SeriesDescription"]]
    (row,) = [each for each in site.box.studies() if each["case"] == case]
    assert row["test"] is True
    assert row["open_deliveries"] == 0


def test_the_outcome_is_what_the_pipeline_says(tmp_path: Path) -> None:
    packs = tmp_path / "none"
    packs.mkdir()
    with (
        mail_server(tmp_path) as mail,
        running_box(tmp_path, Around(mail), packs={"folder": str(packs)}) as box,
    ):
        done = box.command("check", "--end-to-end", "--json")
        results = by_name(done.stdout)
    assert done.returncode == 3
    assert results["reported"]["code"] == "test-not-read"
    assert "no-pack" in results["reported"]["found"]
    (message,) = mail.messages
    assert str(message["Subject"]).startswith(TEST_MAIL)
    assert "Could not analyse" in message.get_content()


def test_a_patient_under_the_reserved_title_is_a_patient(site: Hospital) -> None:
    for marks in ({}, {"Manufacturer": MANUFACTURER}, {"PatientID": PATIENT_ID}):
        image = spot_pack.film((120, 90), **marks)
        case = site.send(image, calling=CALLING_AE_TITLE)
        assert site.ended(case).outcome is Outcome.ALERT
        site.delivered(case)
        assert len(site.mails_about(case)) == 1
        assert site.mails_about(case)[0].startswith("URGENT")
        assert len(site.results_of(image)) > 0


def test_a_patients_image_in_the_phantoms_study_makes_it_a_patients(site: Hospital) -> None:
    (phantom,) = phantom_study((), 1e9)
    case = site.send(phantom, calling=CALLING_AE_TITLE)
    site.ended(case)
    assert site.box.revisions()[0].is_phantom
    image = spot_pack.film((120, 90), StudyInstanceUID=phantom.StudyInstanceUID)
    site.send(image, calling="DR1")
    assert site.ended(case, revision=2).outcome is Outcome.ALERT
    site.delivered(case)
    assert any(mail.startswith("URGENT") for mail in site.mails_about(case))


def test_a_printer_without_paper_is_named(site: Hospital) -> None:
    site.printer.set_paper(Paper.EMPTY)
    try:
        status, results = check(site, "--end-to-end")
    finally:
        site.printer.set_paper(Paper.PRINTS)
    assert status == 1
    assert results["mail night@hospital.example"]["state"] == "ok"
    assert results["printer:night-desk"]["code"] == "printer-out-of-paper"
    assert results["printer:night-desk"]["hint"] == "Put paper into the printer."


def test_a_printer_that_is_busy_with_another_page_is_waited_for(tmp_path: Path) -> None:
    drawn = io.BytesIO()
    canvas = Canvas(drawn)
    canvas.drawString(72, 72, "another box's page")
    canvas.save()
    page = Page(CaseCode("3KQ-M2VW"), drawn.getvalue())
    # A hospital of its own: nobody else's page may be on its way.
    with hospital(tmp_path) as quiet:
        quiet.printer.set_paper(Paper.SLOW)
        stranger = PrinterChannel(PrinterSettings(quiet.printer.uri, printing_s=0.5, poll_s=0.1))
        with pytest.raises(DeliveryError, match="printer-stuck"):
            stranger.send(Envelope("other-box/1", 0, "er-desk"), page)
        with ThreadPoolExecutor() as pool:
            checked = pool.submit(check, quiet, "--end-to-end")
            wait_until(lambda: "Print-Job server-error-busy" in quiet.printer.log(), 60)
            quiet.printer.set_paper(Paper.PRINTS)
            status, results = checked.result()
    assert results["printer:night-desk"]["state"] == "ok"
    assert status == 0


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_analyser_that_hangs_is_the_place_where_it_stuck(site: Hospital) -> None:
    with stopped(site.box.role_pid("analyse")):
        status, results = check(site, "--end-to-end", "--within", "3")
    assert status == 1
    assert results["received"]["state"] == "ok"
    assert [*results][-1] == "taken up"
    assert results["taken up"]["code"] == "test-not-taken-up"
    assert "osteon-analyse" in results["taken up"]["hint"]
    wait_until(lambda: all(each.outcome for each in site.box.revisions()), 60)


def test_a_deliverer_that_hangs_is_the_place_where_it_stuck(site: Hospital) -> None:
    with stopped(site.box.role_pid("deliver")):
        status, results = check(site, "--end-to-end", "--within", "12")
    assert status == 1
    assert results["reported"]["state"] == "ok"
    late = [results["mail night@hospital.example"], results["printer:night-desk"]]
    assert {each["code"] for each in late} == {"test-not-delivered"}


def test_a_box_that_does_not_run_says_so(tmp_path: Path) -> None:
    with mail_server(tmp_path) as mail:
        box = prepared(tmp_path, Around(mail), packs={"folder": str(tmp_path)})
        done = box.command("check", "--end-to-end", "--json")
        assert done.returncode == 1
        (only,) = by_name(done.stdout).values()
        assert only["code"] == "test-not-sent"
        shown = box.command("check")
    assert shown.returncode == 1
    assert "receiver" in shown.stdout
    assert "to do: " in shown.stdout
    assert "failed." in shown.stdout
    assert "Traceback" not in shown.stderr


def test_a_wrong_yaml_has_its_own_exit_status(tmp_path: Path, site: Hospital) -> None:
    wrong = tmp_path / "site.yaml"
    wrong.write_text(site.box.config.read_text().replace("security: starttls", "security: none"))
    done = subprocess.run(
        [*OSTEON, "check", "--config", wrong], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2


def text_of(pdf: bytes, folder: Path) -> str:
    path = folder / "page.pdf"
    path.write_bytes(pdf)
    return subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout
