"""One study goes in, one alert comes out: the whole box among real peers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from appliance.acceptance import AcceptanceFile, Breach
from appliance.daemon.supervise import ROLES
from appliance.domain import Outcome
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.ledger.intake import IntakeLedger
from tests.simulators import objects, spot_pack
from tests.simulators.acceptances import acceptance
from tests.simulators.box import wait_until
from tests.simulators.hospital import Hospital, every_byte_below, hospital
from tests.simulators.modality import dcmtk

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with hospital(tmp_path_factory.mktemp("site")) as running:
        yield running


def text_of(pdf: bytes, folder: Path) -> str:
    path = folder / "page.pdf"
    path.write_bytes(pdf)
    return subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout


def test_an_urgent_finding_is_mailed_printed_and_sent_to_the_pacs(
    site: Hospital, tmp_path: Path
) -> None:
    image = spot_pack.film((120, 90), PatientName="Canary^Clara", PatientID="CANARY-77")
    case = site.send(image)
    assert site.ended(case).outcome is Outcome.ALERT
    site.delivered(case)
    (mail,) = site.mails_about(case)
    assert "URGENT" in mail
    assert "not for diagnosis" in mail
    assert "Canary" not in mail
    assert "CANARY-77" not in mail
    page = text_of(site.printer.printed()[-1], tmp_path)
    for words in (case, "Canary", "CANARY-77", "not for diagnosis"):
        assert words in page
    # the pack's range ends below its alerts: the finding is told all the same, and this with it
    outside = "outside the range in which it was measured"
    shown = site.box.command("show", case, "--json").stdout
    for told in (mail, page, shown):
        assert outside in " ".join(told.split())
    results = site.results_of(image)
    assert sorted(each["Modality"] for each in results) == ["OT", "SR"]
    assert all(case in each["SeriesDescription"] for each in results)
    assert {each["PatientID"] for each in results} == {"CANARY-77"}


def test_nothing_above_the_threshold_tells_nobody(site: Hospital) -> None:
    image = spot_pack.film()
    case = site.send(image)
    assert site.ended(case).outcome is Outcome.BELOW_THRESHOLD
    assert site.mails_about(case) == []
    assert site.results_of(image) == []


def test_the_same_bytes_again_change_nothing_and_a_graver_film_amends(site: Hospital) -> None:
    first = spot_pack.film((60, 60))
    case = site.send(first)
    site.ended(case)
    site.delivered(case)
    site.send(first)
    second = spot_pack.film((200, 60), StudyInstanceUID=first.StudyInstanceUID)
    site.send(second)
    assert site.ended(case, 2).outcome is Outcome.ALERT
    site.delivered(case)
    alert, amended = site.mails_about(case)
    assert "AMENDED" not in alert
    assert "AMENDED" in amended
    assert len([each for each in site.box.revisions() if each.case == case]) == 2


def test_an_intact_further_film_withdraws_nothing(site: Hospital) -> None:
    first = spot_pack.film((60, 60))
    case = site.send(first)
    site.ended(case)
    site.send(spot_pack.film(StudyInstanceUID=first.StudyInstanceUID))
    assert site.ended(case, 2).outcome is Outcome.ALERT
    site.delivered(case)
    assert len(site.mails_about(case)) == 1


def test_our_own_objects_coming_back_reopen_nothing(site: Hospital, tmp_path: Path) -> None:
    image = spot_pack.film((120, 90))
    case = site.send(image)
    site.ended(case)
    site.delivered(case)
    back = []
    for number, instance in enumerate(site.pacs.get("/instances")):
        tags = site.pacs.get(f"/instances/{instance}/simplified-tags")
        if tags["StudyInstanceUID"] == image.StudyInstanceUID:
            back.append(tmp_path / f"{number}.dcm")
            address = f"http://127.0.0.1:{site.pacs.http_port}/instances/{instance}/file"
            with urllib.request.urlopen(address, timeout=30) as reply:
                back[-1].write_bytes(reply.read())
    assert len(back) == 2
    assert dcmtk("dcmsend", site.box.port, *back).returncode == 0

    def is_set_aside() -> bool:
        shown = site.box.command("show", case, "--json")
        return any(each["what"] == "set-aside" for each in json.loads(shown.stdout)["timeline"])

    wait_until(is_set_aside, 30)
    assert len([each for each in site.box.revisions() if each.case == case]) == 1


def test_a_model_that_the_site_refused_reads_nobody_until_it_is_accepted(site: Hospital) -> None:
    pack = open_pack(site.folder / "packs" / spot_pack.NAME, Trust.shipped())
    said = AcceptanceFile(site.box.state)
    refusal = acceptance(pack.identity, Breach("sensitivity", 0.1, 0.8))
    said.keep(refusal)
    case = site.send(spot_pack.film((60, 60)))
    assert site.ended(case).outcome is Outcome.NOT_ANALYSED
    site.delivered(case)
    (mail,) = site.mails_about(case)
    assert "This hospital has refused the model" in mail
    said.keep(replace(refusal, breaches=()))
    assert site.ended(site.send(spot_pack.film((60, 60)))).outcome is Outcome.ALERT


def chest() -> Dataset:
    return spot_pack.film((60, 60), BodyPartExamined="CHEST")


def dose_report() -> Dataset:
    report = objects.film()
    del report.PixelData
    report.Modality = "SR"
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = uid.XRayRadiationDoseSRStorage
    return report


@pytest.mark.parametrize("make", [chest, dose_report])
def test_what_is_not_for_this_box_alarms_nobody(
    site: Hospital, make: Callable[[], Dataset]
) -> None:
    case = site.send(make())
    assert site.ended(case).outcome is Outcome.NOT_FOR_THIS_BOX
    assert site.mails_about(case) == []


def truncated() -> Dataset:
    image = spot_pack.film((60, 60))
    image.PixelData = image.PixelData[:1000]
    return image


def without_body_part() -> Dataset:
    return spot_pack.film((60, 60), BodyPartExamined="")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(truncated, "pixels-truncated"), (without_body_part, "body-part-undetermined")],
)
def test_what_could_not_be_analysed_is_told_to_a_person(
    site: Hospital,
    tmp_path: Path,
    make: Callable[[], Dataset],
    reason: str,
) -> None:
    printed = len(site.printer.printed())
    case = site.send(make())
    ended = site.ended(case)
    assert (ended.outcome, ended.reason) == (Outcome.NOT_ANALYSED, reason)
    site.delivered(case)
    (mail,) = site.mails_about(case)
    assert "NOT ANALYSED" in mail
    pages = site.printer.printed()[printed:]
    assert any(objects.PATIENT_NAME.split("^")[0] in text_of(page, tmp_path) for page in pages)


def test_an_image_altered_on_the_disk_is_told_set_aside_and_read_when_it_is_sent_again(
    site: Hospital,
) -> None:
    image, spool = spot_pack.film((120, 90)), site.box.state / "receive" / "spool"
    before = set(spool.rglob("*"))
    analyser = site.box.role_pid("analyse")
    os.kill(analyser, signal.SIGSTOP)
    try:
        case = site.send(image)
        (blob,) = {each for each in spool.rglob("*") if each.is_file()} - before
        flip_a_bit(blob)
    finally:
        os.kill(analyser, signal.SIGCONT)
    ended = site.ended(case, seconds=120)
    assert (ended.outcome, ended.reason) == (Outcome.NOT_ANALYSED, "seal-broken")
    site.delivered(case)
    (mail,) = site.mails_about(case)
    assert "NOT ANALYSED" in mail
    with closing(IntakeLedger(site.box.state / "receive" / "intake.db", read_only=True)) as intake:
        wait_until(lambda: intake.quarantined(ended.study) != (), 60)
    assert site.send(image) == case
    assert site.ended(case, 2, seconds=120).outcome is Outcome.ALERT


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_chinese_name_is_legible_on_paper_and_stands_in_no_mail(
    site: Hospital, tmp_path: Path
) -> None:
    image = spot_pack.film(
        (120, 90), SpecificCharacterSet="GB18030", PatientName="Wang^XiaoDong=王^小东"
    )
    case = site.send(image)
    site.ended(case)
    site.delivered(case)
    pages = [text_of(page, tmp_path) for page in site.printer.printed()]
    (page,) = [each for each in pages if case in each]
    assert "小东" in page
    assert "小东" not in "".join(site.mails_about(case))


def test_line_breaks_in_a_name_keep_no_alert_back(site: Hospital) -> None:
    image = spot_pack.film((120, 90))
    image.PatientName = b"Evil^Name\r\nBcc: everybody@example"
    case = site.send(image)
    assert site.ended(case).outcome is Outcome.ALERT
    site.delivered(case)
    (mail,) = site.mails_about(case)
    assert "everybody" not in mail


def test_an_acknowledged_case_shows_who_saw_it(site: Hospital) -> None:
    case = site.send(spot_pack.film((120, 90)))
    site.ended(case)
    site.delivered(case)
    done = site.box.command("ack", case.lower(), "--by", "Dr. Night")
    assert done.returncode == 0, done.stderr
    row = next(each for each in site.box.studies() if each["case"] == case)
    assert row["acknowledged_by"] == "Dr. Night"
    assert "acknowledged" in site.box.command("show", case).stdout
    assert site.box.command("ack", "XXX-XXXX", "--by", "Dr. Night").returncode == 2


def test_an_alert_can_be_acknowledged_while_the_yaml_is_broken(site: Hospital) -> None:
    case = site.send(spot_pack.film((120, 90)))
    site.ended(case)
    site.delivered(case)
    whole = site.box.config.read_text()
    site.box.config.write_text(whole.replace("modalities:", "modalitys:"))
    try:
        said = site.box.command("ack", case, "--by", "Dr. Night")
        listed = site.box.studies()
    finally:
        site.box.config.write_text(whole)
    assert said.returncode == 0, said.stderr
    assert "broken" in said.stderr
    assert [each["acknowledged_by"] for each in listed if each["case"] == case] == ["Dr. Night"]


def test_no_patient_data_lies_in_clear_anywhere_in_the_state_folder(site: Hospital) -> None:
    image = spot_pack.film((120, 90), PatientName="Canary^Clara", PatientID="CANARY-78")
    case = site.send(image)
    site.ended(case)
    site.delivered(case)
    needles = [b"Canary", b"CANARY-78", image.StudyInstanceUID.encode()]
    assert every_byte_below(site.box.state, needles) == []
    journal = site.box.log
    assert case in journal
    assert "CANARY" not in journal.upper()
    assert image.StudyInstanceUID not in journal


def open_files(pids: list[int]) -> Iterator[str]:
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile: a listener stays
                yield str(file.readlink())


def test_the_box_listens_on_its_dicom_port_alone(site: Hospital) -> None:
    assert site.box.process is not None
    pids = [site.box.process.pid]
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
    assert len(pids) > len(ROLES)
    opened = set(open_files(pids))
    rows = [
        line.split()
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    listening = [
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        # Of UDP every socket without a peer takes what comes.
        if row[2].endswith(":0000") and f"socket:[{row[9]}]" in opened
    ]
    assert listening == [site.box.port]


def test_an_association_for_each_slice_makes_one_analysis(site: Hospital) -> None:
    slices = objects.ct_series(12)
    for one in slices:
        case = site.send(one, calling="CT1")
    site.ended(case)
    assert len([each for each in site.box.revisions() if each.case == case]) == 1
    shown = json.loads(site.box.command("show", case, "--json").stdout)
    assert any(each.get("images") == 12 for each in shown["timeline"] if each["what"] == "complete")
