"""Whether a boot on trial is healthy: what worked before must work now, on a disk that lasts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from appliance.config.example import example_yaml
from appliance.config.load import parse_site
from appliance.daemon.os.composing import is_quiet
from appliance.daemon.os.well_being import (
    ALWAYS,
    DATA,
    RECEIVER,
    STEADY,
    UNITS,
    Machine,
    is_on_disk,
    lacking,
    standing,
    working,
)
from appliance.daemon.starts import note_start
from appliance.daemon.state import StateFolder
from appliance.ledger.models import ModelState, ModelStates
from tests.simulators.mail import free_port
from tests.simulators.update_box import SetClock

FOLDER = Path("/var/lib/osteon")
_LINE = "36 25 0:31 / {place} rw,relatime shared:1 - {kind} /dev/mapper/data rw"


@pytest.mark.parametrize(
    ("mounts", "lasts"),
    [
        ({"/": "erofs", "/var": "tmpfs", "/var/lib/osteon": "ext4"}, True),
        ({"/": "erofs", "/var": "ext4"}, True),
        ({"/": "erofs", "/var": "tmpfs"}, False),
        ({"/": "erofs", "/var": "overlay"}, False),
        ({"/": "ext4"}, False),
        ({"/": "erofs", "/var/lib/osteon-wipe": "ext4"}, False),
    ],
)
def test_what_is_received_must_lie_on_a_disk_of_its_own(
    mounts: dict[str, str], *, lasts: bool
) -> None:
    lines = [_LINE.format(place=place, kind=kind) for place, kind in mounts.items()]
    assert is_on_disk(FOLDER, lines) is lasts


def test_a_box_is_quiet_while_it_has_no_study_and_can_say_so(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    assert is_quiet(state, 0.0)
    state.analyse.mkdir()
    state.work.write_bytes(b"no ledger at all" * 100)
    assert not is_quiet(state, 0.0)


def test_what_worked_before_must_work_now_and_no_more() -> None:
    before = frozenset({DATA, STEADY, RECEIVER, "model spots"})
    assert lacking(before, before | {"model other"}) == ()
    assert lacking(before, before - {RECEIVER}) == (RECEIVER,)
    assert lacking(frozenset(), frozenset()) == tuple(sorted(ALWAYS))


def test_a_box_is_asked_for_its_data_units_receiver_and_models(tmp_path: Path) -> None:
    text = example_yaml().replace("/var/lib/osteon", str(tmp_path))
    text = text.replace("port: 11112", f"port: {free_port()}", 1)
    site = parse_site(text.encode(), "site.yaml")
    clock = SetClock(1_795_000_000.0)
    for name in ("access", "receive", "analyse", "deliver"):
        (tmp_path / name).mkdir()
    models = ModelStates(tmp_path / "analyse/work.db")
    models.keep(
        [
            ModelState("spots", "1.0.0.1", "a" * 64),
            ModelState("slow", "1.0.0.1", "b" * 64, code="device-fell-back"),
            ModelState("ill", "1.0.0.1", "c" * 64, code="self-test-failed"),
            ModelState("gone"),
        ]
    )
    well = Machine(lambda _: True, lambda _: True, lambda: 100.0)
    assert working(site, well, clock) == {DATA, STEADY, *UNITS, "model spots", "model slow"}
    # Models count only while the unit is up that has tried them in this boot.
    no_units = Machine(lambda _: False, lambda _: False, lambda: 100.0)
    assert working(site, no_units, clock) == {STEADY}
    for _ in range(3):
        note_start(tmp_path / "analyse", clock)
    assert STEADY not in working(site, well, clock)
    just_booted = Machine(lambda _: True, lambda _: True, lambda: -1.0)
    assert STEADY in working(site, just_booted, clock)


def test_who_has_no_network_can_take_it_down(tmp_path: Path) -> None:
    """The installing unit may not even open a socket."""
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        receiver.setblocking(False)
        text = example_yaml().replace("/var/lib/osteon", str(tmp_path))
        text = text.replace("port: 11112", f"port: {receiver.getsockname()[1]}", 1)
        site = parse_site(text.encode(), "site.yaml")
        well = Machine(lambda _: True, lambda _: True, lambda: 100.0)
        assert standing(site, well, SetClock(1_795_000_000.0)) == {DATA, STEADY, *UNITS}
        with pytest.raises(BlockingIOError):
            receiver.accept()
