"""`osteon accept` on labelled films, with the box's own inference child: record and screen.

What a refusal does to the next study stands in `test_box.py`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from appliance.acceptance import AcceptanceFile, Breach
from appliance.checks.models import packs
from appliance.checks.probe import Surroundings
from appliance.checks.result import CheckState
from appliance.cli import osteon
from appliance.clock import SystemClock
from appliance.config.load import load_site
from appliance.daemon.packs.places import ref_of
from appliance.errors import AnalysisError, LabelledSetError, PackError, UsageError
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.pipeline.results.make import make_results
from appliance.update.slots import Slot, Source
from appliance.update.slots_file import SLOTS, write_slots
from appliance.update.states import UpdateState
from tests.simulators import spot_pack
from tests.simulators.acceptances import acceptance
from tests.simulators.box import Box, prepared
from tests.simulators.box import Surroundings as Peers
from tests.simulators.labelled_sets import coco, write_coco, write_picture
from tests.simulators.mail import mail_server
from tests.simulators.readings import film_fracture, film_request

pytestmark = pytest.mark.timeout(240)

SPOT = (128, 96)
"""Where a cell of the network looks; it marks half a cell further."""
BOX = [122, 92, 40, 40]
FEW = ("--fractured", "2", "--intact", "2", "--by", "Dr. Wang")
KINDS: dict[str, tuple[tuple[int, int], ...]] = {
    "a.png": (SPOT,),
    "b.png": (SPOT,),
    "c.png": (),
    "d.png": (),
}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A configured box that is not running."""
    packs = spot_pack.write(tmp_path / "packs")
    with mail_server(tmp_path) as mail:
        box = prepared(tmp_path, Peers(mail), packs={"folder": str(packs)})
    box.state.mkdir()
    return box


def films(folder: Path, *, is_labelled_right: bool = True) -> Path:
    """Two films with a spot and two without; the labels say so, or the opposite."""
    for name, spots in KINDS.items():
        write_picture(folder / name, (spot_pack.pixels(*spots) >> 4).astype(np.uint8))
    labels = {n: [BOX] if bool(spots) is is_labelled_right else [] for n, spots in KINDS.items()}
    write_coco(folder, coco(labels))
    return folder


def command(box: Box, *words: object) -> Result:
    return CliRunner().invoke(osteon, [*map(str, words), "--config", str(box.config)])


def told(box: Box) -> dict[str, Any]:
    shown = command(box, "version", "--json")
    (model,) = json.loads(shown.stdout)["models"]
    return dict(model)


def test_a_model_is_accepted_and_a_later_word_refuses_it(box: Box, tmp_path: Path) -> None:
    assert told(box)["acceptance"] == "not accepted by this site"
    right = films(tmp_path / "right")
    done = command(box, "accept", right, *FEW)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "is accepted here by Dr. Wang" in done.stdout
    assert "4 exams read, 2 with a" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if "igest" not in line) <= 80
    assert told(box)["acceptance"] == "accepted by this site"

    wrong = films(tmp_path / "wrong", is_labelled_right=False)
    refused = command(box, "accept", wrong, *FEW)
    assert refused.exit_code == 1
    assert "is REFUSED here by Dr. Wang" in refused.stdout
    model = told(box)
    assert model["acceptance"].startswith("REFUSED")
    assert model["acceptance_by"] == "Dr. Wang"
    assert model["acceptance_figures"]["sensitivity-alert"][0] == 0.0
    assert "REFUSED" in command(box, "version").stdout
    first, second = AcceptanceFile(box.state).read()
    assert (first.is_accepted, second.is_accepted) == (True, False)
    assert first.model == second.model
    assert first.set_digest != second.set_digest
    assert {each.criterion for each in second.breaches} == {"sensitivity", "specificity"}


def test_too_few_exams_prove_nothing_and_measuring_records_nothing(
    box: Box, tmp_path: Path
) -> None:
    done = command(
        box, "accept", films(tmp_path / "set"), "--by", "Dr. Wang", "--measure-only", "--json"
    )
    assert done.exit_code == 1
    content = json.loads(done.stdout)
    assert {each["criterion"] for each in content["breaches"]} == {"fractured", "intact"}
    assert content["figures"]["sensitivity-alert"][0] == 1.0
    assert not content["kept"]
    assert AcceptanceFile(box.state).read() == ()


def test_the_reports_that_the_box_sent_are_scored_without_reading_again(
    box: Box, tmp_path: Path
) -> None:
    labelled, reports = films(tmp_path / "set"), tmp_path / "reports"
    reports.mkdir()
    marked = film_request(((film_fracture(0.9), True),))
    for name in KINDS:
        (reports / name).with_suffix(".dcm").write_bytes(make_results(marked, [])[0].part10)
    done = command(box, "accept", labelled, *FEW, "--results", reports, "--json")
    content = json.loads(done.stdout)
    assert content["figures"]["sensitivity-alert"][0] == 1.0
    assert content["figures"]["specificity-alert"][0] == 0.0
    assert not content["kept"]
    (reports / "c.dcm").unlink()
    missing = command(box, "accept", labelled, *FEW, "--results", reports)
    assert isinstance(missing.exception, LabelledSetError)
    assert missing.exception.code == "labelled-report-missing"


def test_an_update_on_trial_can_be_accepted_before_it_alerts(box: Box, tmp_path: Path) -> None:
    pack = open_pack(tmp_path / "packs" / spot_pack.NAME, Trust.shipped())
    candidate = ref_of(pack, Source.FACTORY)
    slot = Slot(UpdateState.SHADOW, 0.0, replace(candidate, digest="0" * 64), candidate=candidate)
    (box.state / "analyse").mkdir()
    write_slots(box.state / "analyse" / SLOTS, {spot_pack.NAME: slot})
    words = ("accept", films(tmp_path / "set"), *FEW, "--pack", spot_pack.NAME)
    in_use = command(box, *words)
    assert isinstance(in_use.exception, PackError)
    assert command(box, *words, "--candidate").exit_code == 0
    (kept,) = AcceptanceFile(box.state).read()
    assert kept.model == pack.identity


def test_osteon_check_says_that_a_model_is_refused(box: Box, tmp_path: Path) -> None:
    around = Surroundings(load_site(box.config), SystemClock())
    (probe,) = packs(around)
    assert probe.look().state is CheckState.OK
    model = open_pack(tmp_path / "packs" / spot_pack.NAME, Trust.shipped()).identity
    AcceptanceFile(box.state).keep(acceptance(model, Breach("sensitivity", 0.1, 0.8)))
    with pytest.raises(AnalysisError, match="pack-refused-by-site"):
        probe.look()


def test_a_malformed_set_is_named_by_its_place(box: Box, tmp_path: Path) -> None:
    folder = films(tmp_path / "set")
    (folder / "c.png").unlink()
    done = command(box, "accept", folder, *FEW)
    assert str(done.exception) == "labelled-file-missing: images[2]"


def test_somebody_decides_and_one_model_is_meant(box: Box, tmp_path: Path) -> None:
    folder = films(tmp_path / "set")
    for words in (("--by", " "), ("--by", "Dr. Wang", "--pack", "another")):
        done = command(box, "accept", folder, *words)
        assert isinstance(done.exception, UsageError)
