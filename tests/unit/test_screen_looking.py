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
from appliance.errors import ConfigError
from appliance.ledger.codec import encode
from appliance.ledger.delivery import DeliveryLedger, Moment, Progress
from appliance.ledger.models import ModelState, ModelStates
from appliance.provision.refusal import forget_refusal, keep_refusal
from appliance.screen.looking import Looker, Places, open_ports
from appliance.screen.status import Setting, StandingFault, Status, WipeEnd
from appliance.sealing import MasterKey
from appliance.wipe.ended import Ended
from appliance.wipe.journal import Authority, Intent
from appliance.wipe.plan import Undelivered, WipePlan
from tests.simulators.clock import ManualClock
from tests.simulators.console import PARTS, runs
from tests.simulators.many_studies import write_ledgers


@dataclass
class Bed:
    folder: Path
    port: int = 11112
    place: Path | None = None

    @property
    def config(self) -> Path:
        return (self.place or self.folder) / "site.yaml"

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
        places = Places(
            config=self.config,
            identity=self.folder / "identity.json",
            wiped=self.folder / "done.json",
            refused=self.folder / "refused.json",
            cgroups=(self.folder / "cgroups",),
            table=self.folder / "fstab",
        )
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


def test_a_stick_that_was_refused_is_told_whatever_the_box_does(bed: Bed) -> None:
    place = bed.folder / "refused.json"
    keep_refusal(place, ConfigError("site-unsigned", "9b1d 0000"), 7.0)
    told = StandingFault("site-unsigned", "stick not taken", 7.0, "9b1d 0000")
    assert (bed.look().setting, bed.look().faults) == (Setting.NONE, (told,))
    bed.write()
    assert (bed.look().setting, told in bed.look().faults) == (Setting.IN_USE, True)
    forget_refusal(place)
    assert told not in bed.look().faults
    place.write_text("{")
    assert ("storage-failed", "stick") in codes(bed.look())


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


def test_a_box_whose_volume_is_not_mounted_is_closed_and_not_new(bed: Bed) -> None:
    """As in the image: a bind of a folder that is there only where the volume is."""
    settings, config = bed.folder / "data" / "settings", bed.folder / "etc"
    (bed.folder / "fstab").write_text(
        "# a comment of four words\n"
        "/dev/mapper/nowhere /nowhere ext4 nofail 0 2\n"
        f"/dev/later {bed.folder} ext4 noauto 0 2\n"
        f"{settings} {config} none bind,nofail 0 0\n"
    )
    bed.place = config
    config.mkdir()
    assert bed.look().setting is Setting.CLOSED
    settings.mkdir(parents=True)
    assert bed.look().setting is Setting.CLOSED
    config.rmdir()
    config.symlink_to(settings)
    assert bed.look().setting is Setting.NONE


def test_a_state_folder_that_is_not_mounted_is_no_box_that_lost_its_parts(bed: Bed) -> None:
    bed.write()
    bed.state.root.mkdir()
    (bed.folder / "fstab").write_text(f"/dev/mapper/studies {bed.state.root} ext4 nofail 0 2\n")
    status = bed.look()
    assert (status.setting, status.faults) == (Setting.CLOSED, ())


PLAN = WipePlan(
    site="Qinghe County Hospital",
    language="en",
    time_zone="Asia/Shanghai",
    device_id="ab" * 32,
    serial="BOX-0001",
    software="0.1.0.1",
    keys=(),
    volumes=(),
    media=(),
    folders=(),
    files=(),
    identity="/keep/identity",
    last_keys=(),
    clears_tpm=False,
    undelivered=Undelivered(0, 0),
    outstanding=(),
    destinations=(),
    is_installed=True,
)
INTENT = Intent("1f9d0c3a", 100.0, Authority("console", "Li Wei"), PLAN)


def test_a_wiped_box_says_so_and_when_whatever_else_is_gone(bed: Bed) -> None:
    end = Ended(
        INTENT,
        status="FAILED: destroy the medium",
        at=200.0,
        certificate="osteon-wipe-1f9d0c3a.json",
        digest="9b" * 32,
        copies=("stick",),
    )
    (bed.folder / "done.json").write_bytes(encode(end))
    (bed.folder / "fstab").write_text(f"/nowhere {bed.folder} none bind 0 0\n")
    status = bed.look()
    assert (status.setting, status.site) == (Setting.WIPED, "Qinghe County Hospital")
    assert (status.device_id, status.time_zone) == ("ab" * 32, "Asia/Shanghai")
    assert status.wiped == WipeEnd(
        200.0, end.status, end.certificate, end.digest, ("stick",), has_failed=True
    )


@pytest.mark.parametrize("content", [b"Ended\n{}", b"nonsense", b"Intent\n{"])
def test_a_wiped_box_whose_record_is_broken_is_wiped_all_the_same(bed: Bed, content: bytes) -> None:
    (bed.folder / "done.json").write_bytes(content)
    status = bed.look()
    assert status.setting is Setting.WIPED
    assert codes(status) == {("ledger-broken", "record of the wipe")}


def test_where_the_disk_took_no_more_the_intent_stands_for_the_end(bed: Bed) -> None:
    (bed.folder / "done.json").write_bytes(encode(INTENT))
    status = bed.look()
    assert (status.setting, status.site) == (Setting.WIPED, "Qinghe County Hospital")
    assert status.wiped == WipeEnd(None, "", "", "", (), has_failed=False)
    (bed.folder / "done.json").write_bytes(b"\n")  # systemd's stand-in for a file that is not there
    assert bed.look().setting is Setting.NONE
