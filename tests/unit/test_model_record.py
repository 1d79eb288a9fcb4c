"""What stands in the ledger about the packs, for whoever tells the technician."""

from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.daemon.packs.record import ModelRecord
from appliance.domain import Execution, ModelIdentity
from appliance.errors import AnalysisError, PackError
from appliance.ledger.models import ModelState, ModelStates

FILMS = ModelIdentity("dr-fracture", "0.1.0.2", "ab" * 32)


@pytest.fixture
def ledger(tmp_path: Path) -> ModelStates:
    return ModelStates(tmp_path / "work.db")


def codes(ledger: ModelStates) -> dict[str, str]:
    return {state.name: state.code for state in ledger.all()}


def test_a_pack_that_is_down_stands_in_the_ledger_until_it_runs(ledger: ModelStates) -> None:
    record = ModelRecord(ledger, SystemClock())
    record.begin()
    record.pack_down("ct-thorax-fracture", PackError("pack-file-altered"))
    record.pack_down("dr-fracture", AnalysisError("self-test-failed"))
    record.settle({"dr-fracture": FILMS})
    assert codes(ledger) == {
        "ct-thorax-fracture": "pack-file-altered",
        "dr-fracture": "self-test-failed",
    }
    record.begin()
    record.settle({"dr-fracture": FILMS})
    assert ledger.all() == (ModelState("dr-fracture", FILMS.version, FILMS.digest),)


def test_a_pack_that_fell_back_stays_so_over_a_restart_until_a_reading_shows_otherwise(
    ledger: ModelStates,
) -> None:
    record = ModelRecord(ledger, SystemClock())
    record.settle({"dr-fracture": FILMS})
    record.ran("dr-fracture", Execution("openvino", "cpu", 0.2, fell_back=True))
    restarted = ModelRecord(ledger, SystemClock())
    restarted.settle({"dr-fracture": FILMS})
    assert codes(ledger) == {"dr-fracture": "device-fell-back"}
    restarted.ran("dr-fracture", Execution("openvino", "gpu", 0.1))
    (state,) = ledger.all()
    assert (state.code, state.runtime, state.device) == ("", "openvino", "gpu")
    assert state.ran_at is not None
