"""The menu's way back to the system before: what it says, asks, and has the installing unit do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.audit.events import AuditKind
from appliance.cli.technician import going_back
from appliance.cli.technician.going_back import Way, went_back
from appliance.errors import UpdateError, UsageError
from appliance.screen.session import DeclinedError
from appliance.update.os.asked import AskedFolder
from appliance.update.os.machine import RunningImage
from appliance.update.os.record import OsFault
from appliance.update.os.states import OsState
from tests.flow.test_os_update import installed, kept
from tests.simulators.at_the_screen import Talk, talk
from tests.simulators.os_box import FLASHED, NAME, OsBox
from tests.simulators.update_repository import RepositoryMaker

NEW = "1.1.0.1"


@pytest.fixture
def maker(tmp_path: Path) -> RepositoryMaker:
    return RepositoryMaker(tmp_path / "repository")


@pytest.fixture
def box(maker: RepositoryMaker, tmp_path: Path) -> OsBox:
    return OsBox.flashed(tmp_path / "box", maker.first_root)


def way(box: OsBox, start: Callable[[], object] | None = None) -> Way:
    """As on that box; the installing unit runs each time that it is started."""

    def run() -> None:
        if start is None:
            box.unit.go_on()
        else:
            start()

    return Way(
        image=RunningImage(NAME, box.running),
        boot=f"boot-{box.boots}",
        folder=box.os,
        is_quiet=lambda: box.is_quiet,
        start=run,
        clock=box.clock,
    )


def asked_for(box: OsBox, *answers: str) -> Talk:
    return talk(lambda dialogue: went_back(way(box), dialogue), *answers)


def test_the_machine_restarts_into_the_system_before(maker: RepositoryMaker, box: OsBox) -> None:
    kept(box, maker)
    told = asked_for(box, "prints no pages", "BACK")
    assert told.end is None, told.text
    assert f"restarts into {FLASHED} at once" in told.text
    assert f"{NEW} is never installed on this box again" in told.text
    assert told.said[-1] == "Done: the machine restarts now."
    assert (box.restarts, box.start()) == (1, FLASHED)
    box.unit.go_on()
    assert (box.record.state, box.record.denied) == (OsState.REVERTED, {NEW: OsFault.BY_HAND})
    changes = [each for each in box.audited if each.kind is AuditKind.SYSTEM_CHANGED]
    assert any("by-hand" in each.detail for each in changes)
    last = [str(entry.details) for entry in box.history]
    assert any("technician at the screen: prints no pages" in each for each in last)
    # And once more there is nothing to go back to, which is said before anything is asked.
    told = asked_for(box)
    assert isinstance(told.end, UsageError)
    assert told.end.code == "os-nothing-kept"


def test_an_installed_system_is_called_off_without_a_restart(
    maker: RepositoryMaker, box: OsBox
) -> None:
    installed(box, maker)
    told = asked_for(box, "", "BACK")
    assert told.end is None, told.text
    assert "goes on without a stop" in told.text
    assert (box.restarts, box.start()) == (0, FLASHED)
    assert box.record.denied == {NEW: OsFault.BY_HAND}


def test_nothing_is_done_without_the_word(maker: RepositoryMaker, box: OsBox) -> None:
    kept(box, maker)
    told = asked_for(box, "", "back")
    assert isinstance(told.end, UsageError)
    assert told.end.code == "os-rollback-unconfirmed"
    assert isinstance(asked_for(box, "no reason").end, DeclinedError)
    assert (box.restarts, box.record.state) == (0, OsState.COMMITTED)


def test_never_during_a_study(maker: RepositoryMaker, box: OsBox) -> None:
    kept(box, maker)
    box.is_quiet = False
    told = asked_for(box)
    assert isinstance(told.end, UpdateError)
    assert told.end.code == "os-study-under-way"
    # Nor where one has come between the question and the answer.
    came = replace(way(box), is_quiet=lambda: True)
    told = talk(lambda dialogue: went_back(came, dialogue), "", "BACK")
    assert isinstance(told.end, UpdateError)
    assert told.end.code == "os-study-under-way"
    assert (box.restarts, box.record.state) == (0, OsState.COMMITTED)


def test_what_nobody_takes_up_never_happens(
    maker: RepositoryMaker, box: OsBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(box, maker)
    monkeypatch.setattr(going_back, "_PATIENCE_S", 0.2)
    told = talk(lambda dialogue: went_back(way(box, lambda: None), dialogue), "", "BACK")
    assert isinstance(told.end, UpdateError)
    assert told.end.code == "os-rollback-unanswered"
    box.unit.go_on()
    assert (box.restarts, box.record.state) == (0, OsState.COMMITTED)


def test_a_question_of_another_boot_is_dropped(maker: RepositoryMaker, box: OsBox) -> None:
    kept(box, maker)
    asking = AskedFolder(box.os.root)
    asking.ask("boot-before", "li", "")
    box.unit.go_on()
    assert (box.restarts, box.record.state) == (0, OsState.COMMITTED)
    assert not asking.withdraw()


def test_a_system_on_trial_decides_by_itself(maker: RepositoryMaker, box: OsBox) -> None:
    installed(box, maker)
    box.start()
    box.unit.needed()
    told = asked_for(box)
    assert isinstance(told.end, UsageError)
    assert told.end.code == "os-on-trial"


def test_a_machine_that_was_not_flashed_says_so(box: OsBox) -> None:
    plain = replace(way(box), image=None)
    told = talk(lambda dialogue: went_back(plain, dialogue))
    assert isinstance(told.end, UpdateError)
    assert told.end.code == "os-not-an-image"
