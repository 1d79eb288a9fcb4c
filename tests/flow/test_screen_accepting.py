"""The menu's acceptance: a set on a stick, measured by the box's own child, and a word."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.acceptance import AcceptanceFile, UndecidedFile
from appliance.checks.models import packs
from appliance.checks.probe import Surroundings
from appliance.checks.result import CheckState
from appliance.cli.technician.accepting import MOST_S, SET_FOLDER, Progress, accept
from appliance.cli.technician.box import Box
from appliance.clock import SystemClock
from appliance.config.load import load_site
from appliance.daemon.packs.places import ref_of
from appliance.daemon.state import StateFolder
from appliance.errors import AnalysisError, LabelledSetError, OsteonError, PackError
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.screen.items import Access
from appliance.screen.session import DeclinedError, HungUpError
from appliance.update.slots import Slot, Source
from appliance.update.slots_file import SLOTS, write_slots
from appliance.update.states import UpdateState
from tests.flow.test_accept import films
from tests.simulators import spot_pack
from tests.simulators.at_the_screen import GOES, Talk, talk
from tests.simulators.box import Surroundings as Peers
from tests.simulators.box import prepared
from tests.simulators.clock import ManualClock
from tests.simulators.mail import mail_server
from tests.simulators.trail import audited, keeping_the_trail

pytestmark = pytest.mark.timeout(300)

FEW = {"required": True, "fractured_at_least": 2, "intact_at_least": 2}
BY = "Dr. Wang"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box whose site wants to have accepted a model before it reads, and has accepted none."""
    spot_pack.write(tmp_path / "packs")
    with mail_server(tmp_path) as mail:
        place = {"folder": str(tmp_path / "packs")}
        made = prepared(tmp_path, Peers(mail), packs=place, acceptance=FEW)
    made.state.mkdir()
    return Box(
        config=made.config,
        identity=tmp_path / "identity",
        stick=tmp_path / "stick",
        signers=(),
        wipe_journal=tmp_path / "wipe",
        access=Access.PIN,
        refused=tmp_path / "refused.json",
    )


def state_of(box: Box) -> Path:
    return box.config.parent / "state"


def stick_of(box: Box) -> Path:
    assert box.stick is not None
    return box.stick


def kept(box: Box) -> list[tuple[str, bool]]:
    return [(each.by, each.is_accepted) for each in AcceptanceFile(state_of(box)).read()]


def undecided(box: Box) -> bool:
    return UndecidedFile(StateFolder(state_of(box)).menu).read() is not None


def chosen(box: Box, *answers: str | None) -> Talk:
    return talk(lambda dialogue: accept(box, dialogue), *answers)


def refused_with(box: Box, *answers: str | None) -> str:
    told = chosen(box, *answers)
    assert isinstance(told.end, OsteonError), told.text
    assert kept(box) == []
    return told.end.code


def test_a_box_that_wants_it_reads_once_its_model_was_accepted_at_the_screen(box: Box) -> None:
    (probe,) = packs(Surroundings(load_site(box.config), SystemClock()))
    with pytest.raises(AnalysisError, match="pack-not-accepted"):
        probe.look()
    films(stick_of(box) / SET_FOLDER)
    with keeping_the_trail(box.config, state_of(box)):
        told = chosen(box, BY, "record")
        trail = audited(state_of(box), "model-acceptance")
    assert told.end is None, told.text
    for line in ("4 exams. Leave", "All of it takes about", "50 %: 2 of 4", "100 %: 4 of 4"):
        assert line in told.text
    assert "exams with a fracture that alert" in told.text
    assert f"{spot_pack.NAME} 0.1.0.1 would be accepted. Nothing was recorded." in told.text
    assert told.said[-1] == f"{spot_pack.NAME} 0.1.0.1 is accepted here by {BY}."
    assert all(len(row) <= 78 for line in told.said for row in line.splitlines())
    assert kept(box) == [(BY, True)]
    assert not undecided(box)
    assert trail == [(f"{spot_pack.NAME} 0.1.0.1", f"accepted by {BY}", True)]
    assert probe.look().state is CheckState.OK


def test_all_but_the_word_keeps_nothing(box: Box) -> None:
    films(stick_of(box) / SET_FOLDER, is_labelled_right=False)
    told = chosen(box, BY, "Record")
    assert told.end is None
    assert "would be refused" in told.text
    assert told.said[-1] == "Nothing was recorded."
    assert (kept(box), undecided(box)) == ([], False)
    assert isinstance(chosen(box, BY).end, DeclinedError)
    assert (kept(box), undecided(box)) == ([], False)
    refused = chosen(box, BY, "record")
    assert "is REFUSED here" in refused.text
    assert kept(box) == [(BY, False)]


def test_what_was_measured_waits_for_who_left_and_needs_no_stick(box: Box) -> None:
    films(stick_of(box) / SET_FOLDER)
    assert isinstance(chosen(box, "Nurse", GOES).end, HungUpError)
    assert (kept(box), undecided(box)) == ([], True)
    shutil.rmtree(stick_of(box))
    told = chosen(box, BY, "record")
    assert "nobody has decided on it yet" in told.text
    assert "exams. Leave" not in told.text
    assert (kept(box), undecided(box)) == ([(BY, True)], False)
    # It was decided: the next one is measured anew.
    stick_of(box).mkdir()
    assert chosen(box, BY).said[-1] == "Name of who decides:"


def test_a_stick_without_a_set_or_with_a_strange_one_is_refused(box: Box) -> None:
    stick_of(box).mkdir()
    assert refused_with(box, "") == "name-missing"
    assert refused_with(box, BY) == "labelled-folder-missing"
    (stick_of(box) / SET_FOLDER).write_text("no folder")
    assert refused_with(box, BY) == "stick-file-irregular"
    (stick_of(box) / SET_FOLDER).unlink()
    folder = films(stick_of(box) / SET_FOLDER)
    (folder / "more").mkdir()
    (folder / "more" / "e.png").symlink_to("/etc/passwd")
    assert refused_with(box, BY) == "stick-file-irregular"
    (folder / "more" / "e.png").unlink()
    os.mkfifo(folder / "more.json")
    assert refused_with(box, BY) == "stick-file-irregular"
    (folder / "more.json").unlink()
    (folder / "labels.json").unlink()
    assert refused_with(box, BY) == "labelled-set-unknown"


def test_of_several_models_one_is_named(box: Box) -> None:
    spot_pack.write(box.config.parent / "packs", name="spot-second")
    films(stick_of(box) / SET_FOLDER)
    assert refused_with(box, BY, "another") == "pack-unclear"
    assert refused_with(box, BY, "") == "pack-unclear"
    told = chosen(box, BY, "spot-second", "record")
    assert f"Which model? One of: {spot_pack.NAME}, spot-second:" in told.text
    assert [each.model.name for each in AcceptanceFile(state_of(box)).read()] == ["spot-second"]


def test_the_update_on_trial_is_measured_where_that_is_typed(box: Box) -> None:
    pack = open_pack(box.config.parent / "packs" / spot_pack.NAME, Trust.shipped())
    candidate = ref_of(pack, Source.FACTORY)
    slot = Slot(UpdateState.SHADOW, 0.0, candidate, candidate=replace(candidate, version="0.2.0.1"))
    (state_of(box) / "analyse").mkdir()
    write_slots(state_of(box) / "analyse" / SLOTS, {spot_pack.NAME: slot})
    films(stick_of(box) / SET_FOLDER)
    assert refused_with(box, BY, "0.2.0.1") == "pack-unclear"
    # What reads now cannot be opened: it is the other one that is measured.
    broken = replace(slot, active=replace(candidate, digest="0" * 64))
    write_slots(state_of(box) / "analyse" / SLOTS, {spot_pack.NAME: broken})
    told = chosen(box, BY, "trial", "record")
    assert "is on trial: 0.2.0.1." in told.text
    assert kept(box) == [(BY, True)]
    assert isinstance(chosen(box, BY, "").end, PackError)


def progress(whole: int, seconds_each: float) -> Talk:
    """As many exams as there are, each of which takes that long."""
    clock = ManualClock()

    def read_all(dialogue: object) -> None:
        shown = Progress(whole, dialogue, clock)  # type: ignore[arg-type]
        for done in range(1, whole + 1):
            clock.advance(seconds_each)
            shown.turned(done)

    return talk(read_all)


def test_it_says_each_tenth_and_how_long_it_takes() -> None:
    told = progress(200, 30)
    assert told.end is None
    assert told.said[0] == "All of it takes about 100 min."
    assert [line.split(":")[0] for line in told.said[1:]] == [f"{n}0 %" for n in range(1, 11)]
    assert told.said[1] == "10 %: 20 of 200 exams; 90 min left"


def test_what_would_take_too_long_is_said_at_its_beginning() -> None:
    each = MOST_S / 100
    assert progress(100, each).end is None
    told = progress(101, each)
    assert isinstance(told.end, LabelledSetError)
    assert told.end.code == "labelled-set-long"
    assert told.end.detail == f"101 exams of {each:.0f} s; at most 100 here"
    assert told.said == []
