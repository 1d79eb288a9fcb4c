"""What a technician is told: once each, and again only after it was right in between."""

from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.daemon.technical import TechnicalMessages
from appliance.errors import PackError
from appliance.ledger.work import WorkLedger


@pytest.fixture
def work(tmp_path: Path) -> WorkLedger:
    return WorkLedger(tmp_path / "work.db")


def codes(work: WorkLedger) -> list[str]:
    return [
        item.summary.reason.code
        for item in work.outbox_after(0)
        if item.summary is not None and item.summary.reason is not None
    ]


def test_each_thing_is_told_once(work: WorkLedger) -> None:
    technical = TechnicalMessages(work, "Site", SystemClock())
    for _ in range(3):
        technical.pack_unusable("dr-fracture", PackError("pack-file-altered"))
        technical.fell_back("ct-thorax-fracture", "cpu")
    assert codes(work) == ["pack-file-altered", "device-fell-back"]
    assert technical.unusable == {"dr-fracture"}


def test_a_disk_that_fills_is_told_and_told_again_after_it_had_room(work: WorkLedger) -> None:
    technical = TechnicalMessages(work, "Site", SystemClock())
    for free in (500, 150, 120, 500, 100):
        technical.disk(free << 20, reserve=100 << 20)
    assert codes(work) == ["disk-nearly-full", "disk-nearly-full"]
