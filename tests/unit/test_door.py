"""The door: what is not recorded is not shown, and who may not is told so, on the record."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from appliance.audit.events import REPORTED, AuditKind
from appliance.audit.reader import TrailReader
from appliance.audit.trail import AuditTrail
from appliance.audit.wire import Peer, answer, listen, take
from appliance.daemon.door import Door, Person
from appliance.daemon.people import person_of
from appliance.domain import CaseCode, PatientFacts
from appliance.errors import StorageError, UsageError
from tests.simulators.box import ROOT
from tests.simulators.clock import ManualClock

PATIENT = PatientFacts("Li^Mei", "P-1", "19700101", "F", "20261122", "0200", "A-1")
DOCTOR = Person("doctor", may_record=False, speaks_for_others=False, may_see_patients=True)
TECHNICIAN = Person("technician", may_record=True, speaks_for_others=False, may_see_patients=False)
UNIT = Person("osteon-update", may_record=True, speaks_for_others=True, may_see_patients=False)
STRANGER = Person("stranger", may_record=False, speaks_for_others=False, may_see_patients=False)


@dataclass
class Bed:
    folder: Path
    who: Person = DOCTOR
    is_known: bool = True
    trail: AuditTrail = field(init=False)

    def __post_init__(self) -> None:
        self.trail = AuditTrail(self.folder, "osteon-access", None, ManualClock())
        self.door = Door(self.trail, lambda _: self.who, self._patient_of)

    def _patient_of(self, case: CaseCode) -> PatientFacts:
        if not self.is_known:
            raise UsageError("case-unknown", case)
        return PATIENT

    def ask(self, **question: Any) -> Mapping[str, Any]:
        return self.door.answer(Peer(1, 1000), question)

    def patient(self, *, break_glass: bool = False) -> Mapping[str, Any]:
        return self.ask(
            ask="patient", case="K7Q-3MF2", purpose="treatment", break_glass=break_glass
        )

    def record(self, **changes: Any) -> Mapping[str, Any]:
        fields = {"kind": "exported", "actor": "", "subject": "", "detail": "", "ok": True}
        return self.ask(ask="record", **{**fields, **changes})

    def recorded(self) -> list[tuple[str, str, bool]]:
        return [(each.kind, each.actor, each.is_success) for each in TrailReader(self.folder).new()]


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.trail.close()


def test_who_may_is_shown_the_patient_and_that_is_recorded(bed: Bed) -> None:
    assert bed.patient()["name"] == "Li^Mei"
    assert bed.recorded() == [("patient-shown", "doctor", True)]


@pytest.mark.parametrize("who", [TECHNICIAN, STRANGER])
def test_who_may_not_is_refused_and_that_is_recorded(bed: Bed, who: Person) -> None:
    bed.who = who
    assert bed.patient() == {"code": "patient-not-permitted", "detail": who.login}
    assert bed.recorded() == [("patient-refused", who.login, False)]


def test_break_glass_shows_and_is_recorded_as_that(bed: Bed) -> None:
    bed.who = TECHNICIAN
    assert bed.patient(break_glass=True)["patient_id"] == "P-1"
    assert bed.recorded() == [
        ("break-glass", "technician", True),
        ("patient-shown", "technician", True),
    ]


def test_what_cannot_be_recorded_is_not_shown(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise StorageError("disk-full")

    monkeypatch.setattr(bed.trail, "record", full)
    assert bed.patient() == {"code": "disk-full", "detail": ""}


def test_a_look_that_finds_nobody_is_recorded_too(bed: Bed) -> None:
    bed.is_known = False
    assert bed.patient()["code"] == "case-unknown"
    assert bed.recorded() == [("patient-shown", "doctor", False)]


def test_only_the_units_and_technicians_have_things_recorded(bed: Bed) -> None:
    assert bed.record()["code"] == "audit-not-permitted"
    bed.who = TECHNICIAN
    assert bed.record()["count"] == 1
    assert bed.record(actor="somebody-else")["count"] == 2
    bed.who = UNIT
    assert bed.record(actor="the maker")["count"] == 3
    assert [actor for _, actor, _ in bed.recorded()] == ["technician", "technician", "the maker"]


@pytest.mark.parametrize("kind", sorted(set(AuditKind) - REPORTED, key=lambda kind: kind.value))
def test_what_only_the_keeper_can_know_is_taken_from_nobody(bed: Bed, kind: AuditKind) -> None:
    bed.who = UNIT
    bed.record()
    assert bed.record(kind=kind.value)["code"] == "door-question-unknown"
    assert [each for each, *_ in bed.recorded()] == ["exported"]


def test_it_answers_that_it_is_there_and_writes_nothing(bed: Bed) -> None:
    bed.who = STRANGER
    assert bed.ask(ask="alive") == {}
    assert not bed.recorded()


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"ask": "patient"},
        {"ask": "patient", "case": 1, "purpose": "treatment", "break_glass": False},
        {"ask": "patient", "case": "x", "purpose": "curiosity", "break_glass": False},
        {"ask": "patient", "case": "x" * 99, "purpose": "treatment", "break_glass": False},
        {"ask": "record", "kind": "no-such-kind"},
        {"ask": "record", "kind": "exported", "actor": "a\n", "subject": "", "detail": ""},
    ],
)
def test_nonsense_is_refused_and_never_recorded(bed: Bed, question: dict[str, Any]) -> None:
    bed.who = TECHNICIAN
    assert bed.ask(**question)["code"] == "door-question-unknown"
    assert bed.recorded() == []


def test_the_kernel_says_who_asks(tmp_path: Path) -> None:
    """A process of this user may everything; one of nobody's may nothing, whatever it says."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o755)  # the folders above are closed: it is reached by its descriptor
    asking = (
        "import json, os, socket, sys\n"
        "folder = os.open(sys.argv[1], os.O_RDONLY)\n"
        "if sys.argv[2] == 'nobody': os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "channel.connect(f'/proc/self/fd/{folder}/door')\n"
        "channel.send(json.dumps({'ask': 'who'}).encode())\n"
        "channel.recv(100)\n"
    )
    with listen(tmp_path, 4) as listening:
        (tmp_path / "door").chmod(0o666)
        for user in ("root", "nobody"):
            with subprocess.Popen(
                [sys.executable, "-c", asking, str(tmp_path), user], cwd=ROOT
            ) as process:
                channel, _ = listening.accept()
                with channel:
                    peer, question = take(channel)
                    person = person_of(peer)
                    answer(channel, {})
                assert process.wait(10) == 0
            assert question == {"ask": "who"}
            assert (person.may_record, person.may_see_patients) == ((user == "root"),) * 2
            assert user in person.login


def test_who_sends_no_question_is_not_answered() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.send(json.dumps([1]).encode())
        with pytest.raises(ValueError, match="question"):
            take(ours)
