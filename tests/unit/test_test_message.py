"""What the box says about its own phantom: to whom, for how long, and in which words."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from appliance.alerts.catalogue import languages, load
from appliance.alerts.mail_text import render
from appliance.alerts.page import render_page
from appliance.clock import SystemClock
from appliance.config.faults import ConfigFaults
from appliance.config.load import parse_site
from appliance.daemon.artefacts import Artefacts
from appliance.daemon.reporting import Reporting, SiteWishes
from appliance.domain import (
    Bone,
    CaseCode,
    MessageKind,
    Outcome,
    PatientFacts,
    Reason,
    StudyKey,
)
from appliance.ledger.delivery import Delivery, DeliveryState, Destination, Moment, Progress
from appliance.ledger.work import WorkLedger
from appliance.phantom import CALLING_AE_TITLE
from appliance.pipeline.deliver.schedule import (
    Attempt,
    DeadLetter,
    Done,
    Policy,
    Step,
    WaitUntil,
    decide,
    is_clinical,
    supersedes,
)
from tests.simulators.alerting import SUMMARY
from tests.unit.test_config import SMALLEST
from tests.unit.test_page import content

DOCTOR, CHIEF = Destination("mail", "doctor@x.example"), Destination("mail", "chief@x.example")
PRINTER = Destination("printer:er")
POLICY = Policy(
    steps=(Step((DOCTOR, PRINTER), 1.0), Step((CHIEF,), 1.0)),
    page_channels=frozenset({"printer:er"}),
)
TEST = Progress(1, CaseCode("K7Q-3MFA"), 1, MessageKind.TEST, True, 0.0, 0, 0.0)
TOLD = replace(SUMMARY, kind=MessageKind.TEST, findings=(), outcome=Outcome.NOT_ANALYSED)


def after(state: DeliveryState, *to: Destination, at: float = 0.0) -> Progress:
    progress = TEST
    for one in to:
        progress = progress.with_delivery(Delivery(one, 0, state, 1, Moment(at, at)))
    return progress


def test_it_goes_to_those_whom_an_alert_reaches_first_and_to_nobody_else() -> None:
    assert decide(TEST, POLICY, 0.0) == (Attempt(DOCTOR, 0), Attempt(PRINTER, 0))
    assert decide(after(DeliveryState.SENT, DOCTOR, PRINTER), POLICY, 9e9) == (Done("delivered"),)


def test_without_a_page_it_is_mailed() -> None:
    assert decide(replace(TEST, has_page=False), POLICY, 0.0) == (Attempt(DOCTOR, 0),)


def test_it_is_given_up_soon_and_never_escalated() -> None:
    failed = after(DeliveryState.FAILED, DOCTOR, PRINTER)
    (waits,) = decide(failed, POLICY, 1.0)
    assert isinstance(waits, WaitUntil)
    late = decide(failed, POLICY, POLICY.test_give_up_s)
    assert late == (DeadLetter(DOCTOR, 0), DeadLetter(PRINTER, 0))


def test_it_asks_for_no_acknowledgement_and_takes_no_alerts_place() -> None:
    assert not is_clinical(MessageKind.TEST)
    alert = replace(TEST, kind=MessageKind.CLINICAL_ALERT)
    assert not supersedes(replace(TEST, revision=2), alert)


@pytest.mark.parametrize("is_phantom", [True, False])
def test_a_phantom_that_is_given_up_is_still_a_test_and_a_patient_is_not(
    tmp_path: Path, *, is_phantom: bool
) -> None:
    work = WorkLedger(tmp_path / "work.db")
    opened = work.open_revision(StudyKey("s"), CaseCode("K7Q-3MFA"), 1, 0.0)
    if is_phantom:
        work.mark_phantom(opened)
    (revision,) = work.unfinished()
    artefacts = cast("Artefacts", None)  # words alone: none is made
    reporting = Reporting(work, artefacts, SiteWishes("Site", False), SystemClock())
    ending = reporting.give_up(revision, Reason("attempts-exhausted"))
    assert ending.outcome is Outcome.NOT_ANALYSED
    told = MessageKind.TEST if is_phantom else MessageKind.NOT_ANALYSED
    assert [message.kind for message in ending.messages] == [told]
    work.close()


@pytest.mark.parametrize("language", languages())
def test_the_mail_is_a_test_from_its_first_word_on(language: str) -> None:
    texts = load(language)
    mail = render(replace(TOLD, reason=Reason("no-pack")), 0, texts)
    assert mail.subject.startswith({"en": "TEST", "zh": "测试"}[language])
    assert texts.text("terms.outcome.could-not-analyse") in mail.body
    assert texts.reason("no-pack") in mail.body
    for key in ("mail.find", "mail.lead.not-analysed", "terms.urgent"):
        assert texts.text(key) not in mail.subject + mail.body
    assert "osteon ack" not in mail.body


@pytest.mark.parametrize("language", languages())
def test_the_page_is_a_test_and_shows_no_finding_whatever_it_is_given(
    language: str, tmp_path: Path
) -> None:
    texts = load(language)
    given = content(2, MessageKind.TEST)
    page = replace(
        given,
        summary=replace(given.summary, outcome=Outcome.ALERT),
        patient=PatientFacts("TEST PHANTOM", "TEST-PHANTOM", "", "O", "", "", ""),
        language=language,
    )
    file = tmp_path / "page.pdf"
    file.write_bytes(render_page(page))
    said = subprocess.run(
        ["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True
    ).stdout
    flat = "".join(said.split())
    ended = texts.text("terms.outcome.alert")
    for words in (
        texts.text("page.headline.test"),
        texts.text("page.test.consequence"),
        texts.text("page.test.outcome", outcome=ended),
        "TEST PHANTOM",
    ):
        assert "".join(words.split()) in flat
    for words in (
        texts.text("page.headline.alert"),
        texts.text("page.headline.not-analysed"),
        texts.text("page.column.score"),
        texts.text("page.in-pacs", case=given.summary.case),
        texts.bone(Bone.RIB),
        "osteon ack",
    ):
        assert "".join(words.split()) not in flat


def test_no_modality_may_have_the_reserved_title() -> None:
    with pytest.raises(ConfigFaults, match="reserved"):
        parse_site(SMALLEST.replace(b'"0104"', f'"{CALLING_AE_TITLE}"'.encode()), "site.yaml")
