"""The record of the updates that a box has seen begins with its identity, once."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.daemon.state import StateFolder
from appliance.daemon.updating import begin_floor_of_new_box
from appliance.errors import UpdateError
from appliance.provision.identity import ensure_identity
from appliance.provision.keyseal import PlainSeal
from appliance.signing import DeviceSigner
from appliance.update.floor import Floor
from appliance.update.floor_record import FloorRecord
from appliance.update.history import Happening, History
from appliance.update.layout import UpdateFolder
from tests.simulators.box import OSTEON, ROOT

pytestmark = pytest.mark.timeout(120)


def test_the_floor_begins_with_the_identity_and_never_again_by_itself(tmp_path: Path) -> None:
    secret = str(tmp_path / "host.secret")
    floors = UpdateFolder(tmp_path / "state" / "update").floors
    floors[0].parent.mkdir(parents=True)

    def word() -> str:
        places = ("--identity", tmp_path / "identity", "--state", tmp_path / "state")
        done = subprocess.run(
            [*OSTEON, "first-boot", "identity", "--json", *places],
            capture_output=True,
            check=True,
            timeout=60,
            cwd=ROOT,
            env={**os.environ, "SYSTEMD_CREDENTIAL_SECRET": secret},
        )
        return str(json.loads(done.stdout)["update_record"])

    assert "has begun" in word()
    begun = [place.read_bytes() for place in floors]
    (entry,) = History(UpdateFolder(tmp_path / "state" / "update").history).newest(9)
    assert (entry.what, entry.details["by"]) == (Happening.FLOOR_RESET, "first boot")
    assert "left as it is" in word()
    assert [place.read_bytes() for place in floors] == begun
    for place in floors:
        place.unlink()
    assert "left as it is" in word()
    assert not any(place.exists() for place in floors)
    # The identity is lost too: on a box that has a history a person must act.
    (tmp_path / "identity" / "identity.json").unlink()
    assert "a person must" in word()
    assert not any(place.exists() for place in floors)


@pytest.mark.parametrize("trace", ["client", "metadata", "packs", "offers.json", "history.jsonl"])
def test_a_box_that_has_looked_for_updates_gets_no_floor_by_itself(
    tmp_path: Path, trace: str
) -> None:
    state = StateFolder(tmp_path)
    (state.update / trace).mkdir(parents=True)
    assert not begin_floor_of_new_box(state, a_signer())
    assert {place.name for place in state.update.iterdir()} == {trace}


def test_a_power_cut_amid_the_first_boot_leaves_no_floor_of_another_key(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.update.mkdir(parents=True)
    signers = []

    def begin(signer: DeviceSigner) -> None:
        assert begin_floor_of_new_box(state, signer)
        signers.append(signer)
        if len(signers) == 1:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        ensure_identity(tmp_path / "identity", [PlainSeal()], 0.0, begin)
    made, is_new = ensure_identity(tmp_path / "identity", [PlainSeal()], 0.0, begin)
    assert is_new
    assert made.device_id == signers[1].device_id
    floors = UpdateFolder(state.update).floors
    assert FloorRecord(floors, signers[1]).read() == Floor()
    with pytest.raises(UpdateError, match="update-floor-missing"):
        FloorRecord(floors, signers[0]).read()


class PowerCutError(Exception):
    """Nothing after it is done."""


def a_signer() -> DeviceSigner:
    return DeviceSigner(ec.generate_private_key(ec.SECP256R1()))
