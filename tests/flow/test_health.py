"""A box that is not well tells a person: one mail each, one when it is over, one every day."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from appliance.alerts.catalogue import load
from appliance.alerts.email import EmailChannel
from appliance.clock import SystemClock
from appliance.config.load import parse_site
from appliance.config.schema import Site
from appliance.daemon.audit_watch import AuditWatch
from appliance.daemon.fact_finding import FactFinder
from appliance.daemon.health_watch import HealthWatch
from appliance.daemon.metrics import served
from appliance.daemon.starts import note_start
from appliance.daemon.state import StateFolder
from appliance.domain import CaseCode, InstanceKey, MessageKind, Outcome, SeriesKey, StudyKey
from appliance.keyring import wrapped_by
from appliance.ledger.delivery import DeliveryLedger, Destination
from appliance.ledger.intake import Arrival, IntakeLedger, StoredKeyset
from appliance.ledger.models import ModelState, ModelStates
from appliance.ledger.work import Ending, NewMessage, WorkLedger
from appliance.loops import Loops
from appliance.pipeline.deliver.deliverer import Deliverer
from appliance.pipeline.deliver.pacs import Pacs, PacsPeer
from appliance.pipeline.deliver.schedule import Backoff, Policy, Step
from appliance.pipeline.deliver.senders import ArchiveSender, ChannelSender
from appliance.sealing import MasterKey
from appliance.storage import make_folder
from tests.simulators import spot_pack
from tests.simulators.alerting import SUMMARY
from tests.simulators.box import Surroundings, prepared, wait_until
from tests.simulators.hospital import hospital
from tests.simulators.mail import MailServer, free_port, mail_server
from tests.simulators.modality import save
from tests.simulators.pacs import orthanc

pytestmark = pytest.mark.timeout(120)

IT = "it@hospital.example"
DOCTOR = Destination("mail", "night@hospital.example")
PACS = Destination("pacs:main")
HOUR = 3600.0
STUDY, CASE = StudyKey("5" * 32), CaseCode("K7Q-3MFA")


@dataclass
class Bed:
    """A box's ledgers on which a real deliverer and health watch are put to work."""

    site: Site
    state: StateFolder
    work: WorkLedger
    mail: MailServer
    pacs_port: int
    result: Path

    @contextmanager
    def watched(self, last_report: float | None = None) -> Iterator[None]:
        """Deliverer and watch at work for the length of the block, on the ledgers as they are."""
        clock = SystemClock()
        stop = threading.Event()
        with ExitStack() as stack:
            ledger = DeliveryLedger(self.state.delivery)
            stack.callback(ledger.close)
            email = EmailChannel(self.mail.settings(), load(self.site.site.language), clock)
            pacs = Pacs(PacsPeer("ORTHANC", "127.0.0.1", self.pacs_port), "OSTEON")
            loops = Loops(clock)
            deliverer = Deliverer(
                outbox=self.work,
                ledger=ledger,
                senders={
                    "mail": ChannelSender(email, lambda *_: b"", "box"),
                    "pacs:main": ArchiveSender(pacs, lambda *_: self.result.read_bytes()),
                },
                policy=Policy(
                    steps=(Step((DOCTOR,), 600.0),),
                    results=(PACS,),
                    technical=(Destination("mail", IT),),
                    backoff=Backoff(0.05, 0.3),
                ),
                clock=clock,
                site=self.site.site.name,
                loops=loops,
            )
            finder = FactFinder(
                self.state,
                MasterKey.load(self.key),
                lambda _: (),
                clock,
                AuditWatch(self.state, None, "", loops.add("audit"), clock),
            )
            stack.callback(finder.close)
            watch = HealthWatch(
                finder=finder,
                teller=deliverer,
                site=self.site,
                last_report=ledger.last_report() or last_report,
                loop=loops.add("health"),
                clock=clock,
                look_s=0.2,
            )
            running = threading.Thread(target=deliverer.run, args=(stop,))
            running.start()
            try:
                with watch.beside(stop):
                    try:
                        yield
                    finally:
                        stop.set()
            finally:
                running.join(20)

    @property
    def key(self) -> Path:
        """The master key's file."""
        assert self.site.master_key_file is not None
        return Path(self.site.master_key_file)

    def subjects(self) -> list[str]:
        """Of every mail that the technician got."""
        return [str(each["Subject"]) for each in self.mail.messages if each["To"] == IT]

    def end(self, outcome: Outcome, reason: str | None, *kinds: MessageKind) -> None:
        """A study ends so, and these messages follow."""
        summaries = ((kind, replace(SUMMARY, kind=kind)) for kind in kinds)
        messages = tuple(NewMessage(kind, summary, ("b" * 32,)) for kind, summary in summaries)
        revision = self.work.open_revision(STUDY, CASE, 1, time.time())
        self.work.report(revision, Ending(outcome, reason, messages), time.time())


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    with mail_server(tmp_path) as mail:
        box = prepared(tmp_path, Surroundings(mail))
        site = parse_site(box.config.read_bytes(), str(box.config))
        state = StateFolder(Path(site.state_folder))
        for folder in (state.receive, state.analyse, state.deliver):
            make_folder(folder)
        IntakeLedger(state.intake).close()
        work = WorkLedger(state.work)
        (result,) = save([spot_pack.film()], tmp_path / "result")
        yield Bed(site, state, work, mail, free_port(), result)
        work.close()


def until(ready: Callable[[], object]) -> None:
    wait_until(lambda: bool(ready()), 30)


def test_a_stuck_study_is_one_mail_over_a_restart_and_one_when_it_moves(bed: Bed) -> None:
    revision = bed.work.open_revision(STUDY, CASE, 1, time.time() - 2 * HOUR)
    with bed.watched():
        until(bed.subjects)
    with bed.watched():
        bed.work.report(revision, Ending(Outcome.BELOW_THRESHOLD, None), time.time())
        until(lambda: len(bed.subjects()) > 1)
    assert bed.subjects() == [
        "Osteon needs a technician: study-stuck - Simulated Hospital",
        "Osteon, all right again: study-stuck - Simulated Hospital",
    ]
    first = bed.mail.messages[0].get_content()
    assert "the oldest is K7Q-3MFA, collecting for 120 min" in first
    assert "What to do:" in first
    second = bed.mail.messages[1].get_content()
    assert "Since:" in second
    assert "It was:" in second
    assert "What to do:" not in second


def test_a_failing_pacs_is_one_mail_and_one_when_it_took_the_results(
    bed: Bed, tmp_path: Path
) -> None:
    (tmp_path / "pacs").mkdir()
    bed.end(Outcome.ALERT, None, MessageKind.RESULT_OBJECT)
    with bed.watched():
        until(bed.subjects)
    with orthanc(tmp_path / "pacs") as pacs:
        bed.pacs_port = pacs.dicom_port
        with bed.watched():
            until(lambda: len(bed.subjects()) > 1)
    assert bed.subjects() == [
        "Osteon needs a technician: pacs-unreachable - Simulated Hospital",
        "Osteon, all right again: pacs-unreachable - Simulated Hospital",
    ]


def test_a_pack_that_is_down_is_told_by_its_own_code(bed: Bed) -> None:
    states = ModelStates(bed.state.work)
    states.keep([ModelState("dr-fracture", code="pack-file-altered", detail="network.onnx")])
    with bed.watched():
        until(bed.subjects)
        states.keep([ModelState("dr-fracture", "0.1.0.2", "ab" * 32)])
        until(lambda: len(bed.subjects()) > 1)
    states.close()
    assert [each.split(":")[1].split()[0] for each in bed.subjects()] == ["pack-file-altered"] * 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_daily_mail_says_what_was_done_and_what_waits(bed: Bed, language: str) -> None:
    site = bed.site.site.model_copy(update={"language": language})
    bed.site = bed.site.model_copy(update={"site": site})
    states = ModelStates(bed.state.work)
    states.keep([ModelState("dr-fracture", "0.1.0.2", "ab" * 32)])
    states.close()
    with bed.watched():
        bed.end(Outcome.ALERT, None, MessageKind.CLINICAL_ALERT)
        bed.end(Outcome.NOT_FOR_THIS_BOX, "dose-report")
        bed.end(Outcome.NOT_FOR_THIS_BOX, "dose-report")
        bed.end(Outcome.NOT_ANALYSED, "slices-missing")
        bed.work.open_revision(StudyKey("6" * 32), CASE, 1, time.time())
        phantom = bed.work.open_revision(StudyKey("7" * 32), CASE, 1, time.time())
        bed.work.mark_phantom(phantom)
        bed.work.report(phantom, Ending(Outcome.ALERT, None), time.time())
        until(lambda: len(bed.mail.messages) == 1)
    with bed.watched(last_report=time.time() - 48 * HOUR):
        until(bed.subjects)
    with bed.watched():
        time.sleep(0.5)  # a restart sends no second one
    (mail,) = (each for each in bed.mail.messages if each["To"] == IT)
    text = mail.get_content().replace("\r\n", "\n")
    catalogue = load(language)
    assert mail["Subject"] == catalogue.text(
        "mail.subject.daily-waiting", count=1, site="Simulated Hospital"
    )
    ends = ((Outcome.ALERT, 1), (Outcome.NOT_ANALYSED, 1), (Outcome.BELOW_THRESHOLD, 0))
    for outcome, count in ends:
        what = catalogue.text(f"terms.outcome.{outcome}")
        assert catalogue.text("daily.count", what=what, count=count) in text
    reason = catalogue.reason("dose-report")
    assert catalogue.text("daily.reason", reason=reason, code="dose-report", count=2) in text
    assert catalogue.text("daily.under-way", count=1) in text
    assert catalogue.text("daily.unacknowledged", count=1) in text
    assert "  - K7Q-3MFA\n" in text
    assert catalogue.text("daily.silence") in text
    assert "dr-fracture 0.1.0.2" in text
    assert STUDY not in text


def test_metrics_name_nobody_and_the_version_says_where_a_model_ran(
    tmp_path: Path,
) -> None:
    port = free_port()
    with hospital(tmp_path, health={"metrics_port": port}) as site:
        image = spot_pack.film((120, 90), PatientName="Canary^Clara", PatientID="CANARY-77")
        case = site.send(image)
        site.ended(case)
        site.delivered(case)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        told = json.loads(site.box.command("version", "--json").stdout)
        assert site.box.stop() == 0
    (model,) = told["models"]
    assert (model["name"], model["device"]) == (spot_pack.NAME, "cpu")
    assert model["runtime"] in {"openvino", "onnxruntime"}
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["osteon_received_instances_total",] == 1
    assert values["osteon_received_bytes_total",] > 10_000
    assert values["osteon_studies_total", "alert"] == 1
    assert values["osteon_stage_seconds_count", "analysed"] == 1
    assert values["osteon_deliveries", "mail", "sent"] == 1
    assert values["osteon_disk_free_bytes",] > 0
    assert 0 <= values["osteon_last_image_age_seconds",] < 120
    assert any(name[0] == "osteon_model_seconds_sum" for name in values)
    for secret in ("Canary", "CANARY-77", case, image.StudyInstanceUID, image.SOPInstanceUID):
        assert secret not in text


def test_a_metrics_port_that_is_taken_keeps_no_alert_back(bed: Bed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        DeliveryLedger(bed.state.delivery).close()
        with served(bed.state, taken.getsockname()[1], SystemClock()), bed.watched():
            bed.end(Outcome.ALERT, None, MessageKind.CLINICAL_ALERT)
            until(lambda: bed.mail.messages)
    assert bed.mail.messages[0]["To"] == DOCTOR.recipient


def test_the_facts_are_those_of_the_box(bed: Bed, tmp_path: Path) -> None:
    clock = SystemClock()
    now = time.time()
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    mail = bed.site.mail.model_copy(update={"ca_file": str(authority)})
    master = MasterKey.load(bed.key)
    intake = IntakeLedger(bed.state.intake)
    with intake.transaction():
        association = intake.open_association("CT1", "127.0.0.1", now - HOUR)
        intake.add(_arrival(master, now - HOUR), association)
    intake.close()
    DeliveryLedger(bed.state.delivery).close()
    for _ in range(3):
        note_start(bed.state.analyse, clock)
    audit = AuditWatch(bed.state, None, "", Loops(clock).add("audit"), clock)
    finder = FactFinder(bed.state, master, lambda _: (), clock, audit)
    facts = finder.look(bed.site.model_copy(update={"mail": mail}))
    finder.close()
    assert facts.silent_s is not None  # nobody listens
    (certificate,) = facts.certificates
    assert certificate.name == "mail.ca_file"
    assert certificate.expires_at > now
    assert [(each.case, each.state) for each in facts.under_way] == [
        (master.case_code(STUDY), None)
    ]
    assert {name: len(starts) for name, starts in facts.starts} == {
        "access": 0,
        "receive": 0,
        "analyse": 3,
        "deliver": 0,
    }
    assert facts.last_image_at == now - HOUR
    assert facts.free_bytes > 0


def _arrival(master: MasterKey, at: float) -> Arrival:
    wrapped = master.new_keyset(STUDY)
    return Arrival(
        blob="a" * 32,
        study=STUDY,
        keyset=StoredKeyset("life", wrapped, wrapped_by(wrapped)),
        series=SeriesKey("6" * 32),
        instance=InstanceKey("7" * 32),
        digest="d" * 64,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=1000,
        received_at=at,
    )
