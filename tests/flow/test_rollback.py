"""`osteon update rollback` on a running box: what is under way is cut short, nothing is lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.domain import Outcome
from appliance.sealing import MasterKey
from appliance.update.slots_file import read_slots
from appliance.update.states import UpdateState
from tests.simulators import spot_pack, twisted_packs
from tests.simulators.box import Box, Surroundings, child_of, running_box, wait_until
from tests.simulators.mail import mail_server
from tests.simulators.modality import associate
from tests.simulators.update_unit import put_in_use

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OLD, NEW = "0.1.0.1", "0.2.0.1"
LIMIT_S = 3600.0
"""Of decoding and reading: whoever waits for a stopped child waits for ever."""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """An update is in use, and the factory pack is kept beside it."""
    factory = spot_pack.write(tmp_path / "packs") / spot_pack.NAME
    home = spot_pack.write(tmp_path / "later", NEW) / spot_pack.NAME
    put_in_use(tmp_path / "state", home, factory)
    wanted = {
        "packs": {
            "folder": str(tmp_path / "packs"),
            "use": [{"name": spot_pack.NAME, "runtime": "onnxruntime"}],
        },
        "analysis": {"decode_seconds": LIMIT_S, "inference_seconds": LIMIT_S},
    }
    with (
        mail_server(tmp_path) as mail,
        running_box(tmp_path, Surroundings(mail), **wanted) as running,
    ):
        yield running


def test_a_study_that_is_being_decoded_is_read_by_the_version_before(box: Box) -> None:
    """The decoding of an urgent study is stopped, and would never end."""
    image = twisted_packs.film(1, (120, 90))
    kinds = [(image.SOPClassUID, [image.file_meta.TransferSyntaxUID])]
    association = associate(box.port, kinds, calling="DR1")
    assert association.send_c_store(image).Status == 0
    os.kill(resting_decoder(box), signal.SIGSTOP)
    association.release()  # now the study is complete
    wait_until(lambda: has_reached(box, "gated"), 60)
    done = box.command("update", "rollback", "--reason", "two false alerts")
    assert done.returncode == 0, done.stderr
    assert f"spot-fracture {OLD} reads now" in done.stdout
    (ended,) = box.ended(1)
    assert ended.outcome is Outcome.ALERT
    master = MasterKey.load(box.folder / "master.key")
    case = master.case_code(master.study_key(image.StudyInstanceUID))
    timeline = json.loads(box.command("show", case, "--json").stdout)["timeline"]
    (model,) = [each["model"] for each in timeline if each["what"] == "analysed"]
    assert OLD in model
    slot = read_slots(box.state / "analyse" / "slots.json")[spot_pack.NAME]
    assert (slot.state, slot.previous) == (UpdateState.REVERTED, None)


def resting_decoder(box: Box) -> int:
    """The child, when it has answered all that it was asked: it sleeps for some looks on end."""
    looks = 0

    def rests() -> bool:
        nonlocal looks
        child = decoder(box)
        is_resting = child is not None and has_reached(box, "collecting") and sleeps(child)
        looks = looks + 1 if is_resting else 0
        return looks > 10

    wait_until(rests, 120)
    child = decoder(box)
    assert child is not None
    return child


def decoder(box: Box) -> int | None:
    return child_of(box.role_pid("analyse"), "appliance.pipeline.decode.child")


def sleeps(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def has_reached(box: Box, state: str) -> bool:
    return [each.state for each in box.revisions()] == [state]
