"""The life of an update on a running box: what is offered, tried, used, taken back and recalled."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from appliance.domain import Outcome
from appliance.ledger.work import Revision
from appliance.sealing import MasterKey
from appliance.update.slots import Slot
from appliance.update.slots_file import read_slots
from appliance.update.states import UpdateState
from tests.simulators import spot_pack, twisted_packs
from tests.simulators.box import Box, Surroundings, child_of, running_box, wait_until
from tests.simulators.mail import MailServer, mail_server
from tests.simulators.modality import dcmtk, save
from tests.simulators.update_unit import UpdateUnit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

URGENT = (120, 90)
PATIENCE_S = 200.0


class Site:
    """A box with an update unit beside it; films are sent one study after another."""

    def __init__(self, box: Box, mail: MailServer) -> None:
        self.box = box
        self.mail = mail
        self.unit = UpdateUnit(box.state)
        self._numbers = count(1)

    @property
    def slot(self) -> Slot:
        return read_slots(self.box.state / "analyse" / "slots.json")[spot_pack.NAME]

    def reaches(self, state: UpdateState, version: str = "") -> Slot:
        def is_there() -> bool:
            slot = self.slot
            active = slot.active.version if slot.active else ""
            return slot.state is state and version in {"", active}

        wait_until(is_there, PATIENCE_S)
        return self.slot

    def send(self, *spots: tuple[int, int]) -> str:
        """One study; returns its case code."""
        number = next(self._numbers)
        image = twisted_packs.film(number, *spots)
        files = save([image], self.box.folder / "sent" / str(number))
        done = dcmtk("storescu", self.box.port, *files, calling="DR1")
        assert done.returncode == 0, done.stderr
        master = MasterKey.load(self.box.folder / "master.key")
        return master.case_code(master.study_key(image.StudyInstanceUID))

    def read(self, *spots: tuple[int, int]) -> Revision:
        """One study, to its outcome."""
        case = self.send(*spots)
        return self.outcome(case)

    def outcome(self, case: str) -> Revision:
        def found() -> list[Revision]:
            return [each for each in self.box.revisions() if each.case == case and each.outcome]

        wait_until(lambda: bool(found()), PATIENCE_S)
        return found()[0]

    def read_until(self, is_over: Callable[[Slot], bool], most: int = 20) -> Slot:
        """Intact studies, one after another, until the slot has got there."""
        for _ in range(most):
            if is_over(self.slot):
                break
            studies = self.slot.trial.studies
            self.read()
            # A shadow reads after the outcome, when nothing else is to be done.
            wait_until(lambda: self.slot.trial.studies != studies or is_over(self.slot), PATIENCE_S)  # noqa: B023 - asked at once
        assert is_over(self.slot)
        return self.slot

    def model_that_read(self, case: str) -> str:
        """As the timeline names it: name, version and runtime."""
        shown = json.loads(self.box.command("show", case, "--json").stdout)
        return str(next(each["model"] for each in shown["timeline"] if each["what"] == "analysed"))

    def mails(self, code: str) -> list[str]:
        texts = ((str(mail["Subject"]), mail.get_content()) for mail in self.mail.messages)
        return [text for subject, text in texts if code in subject]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("box")
    with mail_server(tmp_path_factory.mktemp("mail")) as mail:
        packs = spot_pack.write(folder / "packs")
        wanted = {
            "packs": {
                "folder": str(packs),
                "use": [{"name": spot_pack.NAME, "runtime": "onnxruntime"}],
            },
            "completeness": {"quiet_seconds": 0.3},
            "analysis": {"inference_seconds": 120.0},
            "update": {"shadow_studies": 2, "shadow_hours": 1.0, "probation_studies": 2},
        }
        with running_box(folder, Surroundings(mail), **wanted) as box:
            yield Site(box, mail)


def a_new_box_alerts_at_once_and_commits_its_own_pack(site: Site) -> None:
    assert site.slot.state is UpdateState.PROBATION
    assert site.read(URGENT).outcome is Outcome.ALERT
    site.read_until(lambda slot: slot.state is UpdateState.COMMITTED)


def a_good_update_proves_itself_beside_the_studies_and_is_kept(site: Site) -> None:
    receiver = site.box.role_pid("receive")
    site.unit.offer("0.2.0.1")
    site.reaches(UpdateState.SHADOW, "0.1.0.1")
    case = site.send(URGENT)
    assert site.outcome(case).outcome is Outcome.ALERT
    assert "0.1.0.1" in site.model_that_read(case)
    site.read_until(lambda slot: slot.state is not UpdateState.SHADOW or slot.trial.studies >= 2)
    on_probation = site.reaches(UpdateState.PROBATION, "0.2.0.1")
    assert on_probation.previous is not None
    assert on_probation.previous.version == "0.1.0.1"
    assert on_probation.shadow is not None
    assert on_probation.shadow.agreement == 1.0
    # Sent while the analyser changes over; the receiver, a process of its own, misses nothing.
    case = site.send(URGENT)
    assert site.outcome(case).outcome is Outcome.ALERT
    assert "0.2.0.1" in site.model_that_read(case)
    assert site.box.role_pid("receive") == receiver
    site.read_until(lambda slot: slot.state is UpdateState.COMMITTED)
    wait_until(lambda: bool(site.mails("model-replaced")), 60)
    (told,) = site.mails("model-replaced")
    assert "0.2.0.1 instead of 0.1.0.1" in told


def a_bad_update_never_alerts_and_is_never_taken_again(site: Site) -> None:
    before = len(site.mail.messages)
    offer = site.unit.offer("0.3.0.1", twisted_packs.constant())
    site.reaches(UpdateState.SHADOW)
    back = site.read_until(lambda slot: slot.state is UpdateState.REVERTED)
    assert back.active is not None
    assert (back.active.version, back.candidate) == ("0.2.0.1", None)
    assert back.setback is not None
    assert (back.setback.version, back.setback.reason) == ("0.3.0.1", "answer-constant")
    assert offer.digest in back.denied
    wait_until(lambda: bool(site.mails("model-taken-back")), 60)
    (told,) = site.mails("model-taken-back")
    assert "answer-constant" in told
    assert "in use: 0.2.0.1" in told
    alerts = [each for each in site.mail.messages[before:] if "URGENT" in str(each["Subject"])]
    assert alerts == []
    # It is still offered, and stays denied.
    site.read()
    assert site.slot.state is UpdateState.REVERTED


def a_rollback_by_hand_loses_no_study_in_flight(site: Site) -> None:
    child = child_of(site.box.role_pid("analyse"), "appliance.inference.worker")
    assert child is not None
    os.kill(child, signal.SIGSTOP)  # a reading that would end only at its deadline
    case = site.send(URGENT)
    wait_until(lambda: [each.state for each in site.box.revisions()].count("gated") == 1, 60)
    done = site.box.command("update", "rollback", "--reason", "too many false alerts")
    assert done.returncode == 0, done.stderr
    assert "spot-fracture 0.1.0.1 reads now" in done.stdout
    assert site.outcome(case).outcome is Outcome.ALERT
    assert "0.1.0.1" in site.model_that_read(case)
    slot = site.slot
    assert (slot.state, slot.previous) == (UpdateState.REVERTED, None)
    assert slot.setback is not None
    assert slot.setback.detail.endswith(": too many false alerts")
    again = site.box.command("update", "rollback", "--reason", "once more")
    assert again.returncode == 2
    assert "rollback-nothing-kept" in again.stderr


def a_recalled_pack_reads_nothing_and_the_next_version_ends_that(site: Site) -> None:
    active = site.slot.active
    assert active is not None
    site.unit.withdraw()
    site.unit.recall(active.digest)
    site.reaches(UpdateState.RECALLED)
    ended = site.read(URGENT)
    assert (ended.outcome, ended.reason) == (Outcome.NOT_ANALYSED, "pack-recalled")
    shown = json.loads(site.box.command("version", "--json").stdout)
    assert [each["slot"]["state"] for each in shown["models"]] == ["recalled"]
    site.unit.offer("0.5.0.1")
    site.reaches(UpdateState.PROBATION, "0.5.0.1")
    assert site.read(URGENT).outcome is Outcome.ALERT


def a_killed_analyser_goes_on_with_the_pack_on_probation(site: Site) -> None:
    os.kill(site.box.role_pid("analyse"), signal.SIGKILL)
    assert site.read(URGENT).outcome is Outcome.ALERT
    assert site.slot.active is not None
    assert site.slot.active.version == "0.5.0.1"


def test_the_life_of_a_box_through_its_updates(site: Site) -> None:
    """One box, one update after another: each goes on from where the one before has left it."""
    a_new_box_alerts_at_once_and_commits_its_own_pack(site)
    a_good_update_proves_itself_beside_the_studies_and_is_kept(site)
    a_bad_update_never_alerts_and_is_never_taken_again(site)
    a_rollback_by_hand_loses_no_study_in_flight(site)
    a_recalled_pack_reads_nothing_and_the_next_version_ends_that(site)
    a_killed_analyser_goes_on_with_the_pack_on_probation(site)
