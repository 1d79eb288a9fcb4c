"""What the screen reads of a box: its files, its ledgers, and what the kernel says of its parts."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from appliance.config.example import example_yaml
from appliance.config.schema import Site
from appliance.daemon.state import StateFolder
from appliance.domain import AlertSummary, CaseCode, MessageKind, Reason
from appliance.ledger.delivery import DeliveryLedger, Moment, Progress
from appliance.ledger.models import ModelState, ModelStates
from appliance.screen.looking import Looker, Places, open_ports
from appliance.screen.status import Setting, StandingFault, Status
from appliance.sealing import MasterKey
from tests.simulators.clock import ManualClock
from tests.simulators.console import PARTS, runs
from tests.simulators.many_studies import write_ledgers


@dataclass
class Bed:
    folder: Path
    port: int = 11112

    @property
    def config(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def state(self) -> StateFolder:
        return StateFolder(self.folder / "state")

    def write(self, **changes: object) -> bytes:
        content = yaml.safe_load(example_yaml())
        content["state_folder"] = str(self.state.root)
        content["dicom"] |= {"port": self.port, "address": "127.0.0.1"}
        content.update(changes)
        self.config.write_text(yaml.safe_dump(content))
        return self.config.read_bytes()

    def look(self) -> Status:
        places = Places(self.config, self.folder / "identity.json", (self.folder / "cgroups",))
        return Looker(places, ManualClock()).look()

    def worked_with(self, raw: bytes) -> None:
        """As a receiver leaves it that has worked with this file."""
        self.state.receive.mkdir(parents=True, exist_ok=True)
        for name in ("site.applied.yaml", "site.started.yaml"):
            (self.state.receive / name).write_bytes(raw)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    runs(tmp_path, *PARTS)
    return Bed(tmp_path)


def codes(status: Status) -> set[tuple[str, str]]:
    return {(each.code, each.about) for each in status.faults}


def test_a_box_without_a_file_or_with_the_example_is_not_set_up(bed: Bed) -> None:
    (bed.folder / "identity.json").write_text(json.dumps({"device_id": "2501"}))
    status = bed.look()
    assert (status.setting, status.device_id, status.listener) == (Setting.NONE, "2501", None)
    for name in ("site.yaml", "site.yaml.example"):
        (bed.folder / name).write_text(example_yaml())
    assert bed.look().setting is Setting.NONE
    assert bed.look().faults == ()


def test_a_box_that_lost_its_file_is_no_new_one(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on with its copy; and nobody is let into the menu without the PIN because of it."""
    bed.worked_with(bed.write())
    bed.config.unlink()
    monkeypatch.setattr(Site.model_fields["state_folder"], "default", str(bed.state.root))
    status = bed.look()
    assert status.setting is Setting.FALLEN_BACK
    assert ("config-refused", "site.yaml") in codes(status)


def test_a_broken_file_is_a_fault_and_without_a_copy_the_end(bed: Bed) -> None:
    raw = bed.write()
    bed.config.write_text(f"state_folder: {bed.state.root}\ndicom: [")
    assert bed.look().setting is Setting.UNUSABLE
    assert ("config-refused", "site.yaml") in codes(bed.look())
    bed.config.write_text(f"state_folder: {bed.state.root}\ndicom: {{}}\n")
    bed.worked_with(raw)
    assert bed.look().setting is Setting.FALLEN_BACK
    assert bed.look().site == "Qinghe County Hospital"


def test_a_part_without_a_process_does_not_run(bed: Bed) -> None:
    bed.write()
    assert bed.look().stopped == ()
    runs(bed.folder, "access", "receive")
    status = bed.look()
    assert status.stopped == ("analyse", "deliver")
    assert {("unit-failed", "osteon-analyse"), ("unit-failed", "osteon-deliver")} <= codes(status)


def test_the_port_is_the_one_that_was_opened_and_the_kernel_says_whether_it_is(bed: Bed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bed.port = listening.getsockname()[1]
        bed.worked_with(bed.write())
        opened = bed.port
        assert bed.port in (open_ports() or ())
        bed.port = 11112  # in the file, and not in use before a restart
        bed.write()
        listener = bed.look().listener
        assert listener is not None
        assert (listener.port, listener.is_open) == (opened, True)
        assert listener.addresses == ("127.0.0.1",)
    listener = bed.look().listener
    assert listener is not None
    assert listener.is_open is False


def test_the_ledgers_say_what_came_and_what_waits(bed: Bed) -> None:
    bed.write()
    assert bed.look().last is None
    MasterKey.create(bed.folder / "master.key")
    master = MasterKey.load(bed.folder / "master.key")
    write_ledgers(bed.state.root, master, 7)
    with closing(ModelStates(bed.state.work)) as models:
        models.keep([ModelState("dr-fracture", "0.2.0.1", code="device-fell-back")])
    status = bed.look()
    assert status.last is not None
    assert status.last.case == master.case_code(master.study_key("1.2.6"))
    assert [(each.name, each.code) for each in status.models] == [
        ("dr-fracture", "device-fell-back")
    ]
    assert status.faults == ()


def notice(
    ledger: DeliveryLedger, number: int, at: float, kind: MessageKind, reason: Reason
) -> None:
    summary = AlertSummary(
        case=CaseCode(""), kind=kind, site="s", arrived_at=at, decided_at=at, reason=reason
    )
    progress = Progress(-number, CaseCode(""), 0, kind, False, at, 0, at)
    ledger.register(progress, Moment(at, at), summary)


def test_what_the_technician_was_told_stands_until_it_is_over(bed: Bed) -> None:
    bed.write()
    bed.state.deliver.mkdir(parents=True)
    full = Reason("disk-nearly-full", "state folder (90 MiB free)")
    with closing(DeliveryLedger(bed.state.delivery)) as ledger:
        notice(ledger, 1, 100.0, MessageKind.TECHNICAL, Reason("delivery-given-up", "pacs (1)"))
        notice(ledger, 2, 200.0, MessageKind.TECHNICAL, full)
    given_up = StandingFault("delivery-given-up", "pacs", 100.0)
    assert bed.look().faults == (given_up, StandingFault("disk-nearly-full", "state folder", 200.0))
    with closing(DeliveryLedger(bed.state.delivery)) as ledger:
        # What happens only once is past after a day.
        notice(ledger, 3, 90_000.0, MessageKind.RECOVERED, full)
    assert bed.look().faults == ()


def test_a_ledger_that_cannot_be_read_is_a_fault_and_the_rest_stands(bed: Bed) -> None:
    bed.write()
    bed.state.analyse.mkdir(parents=True)
    bed.state.work.write_bytes(b"no database at all" * 100)
    status = bed.look()
    assert ("ledger-broken", "work.db") in codes(status)
    assert status.site == "Qinghe County Hospital"
