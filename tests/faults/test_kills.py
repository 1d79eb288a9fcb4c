"""`kill -9` of each role at each boundary (fault 63): every study still ends and is told."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.domain import Outcome
from appliance.lifecycle import StudyState
from tests.simulators import spot_pack
from tests.simulators.box import wait_until
from tests.simulators.hospital import Hospital, hospital

pytestmark = pytest.mark.timeout(240)

BOUNDARIES = [state for state in StudyState if state is not StudyState.REPORTED]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with hospital(tmp_path_factory.mktemp("site")) as running:
        yield running


READY = {"receive": '"listening"', "analyse": '"analysing"', "deliver": '"delivering"'}


def kill(site: Hospital, role: str) -> None:
    """End a role as a power cut would, and wait until the supervisor's next one is at work."""
    before = site.box.log.count(READY[role])
    os.kill(site.box.role_pid(role), signal.SIGKILL)
    wait_until(lambda: site.box.log.count(READY[role]) > before, 60)


def when(site: Hospital, case: str, state: StudyState) -> None:
    """Return as soon as a case has reached a state, or has passed it."""
    order = list(StudyState)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for each in site.box.revisions():
            if each.case == case and order.index(each.state) >= order.index(state):
                return
    raise TimeoutError(state)


@pytest.mark.parametrize("state", BOUNDARIES)
def test_the_analyser_killed_in_each_state_goes_on_from_there(
    site: Hospital, state: StudyState
) -> None:
    case = site.send(spot_pack.film((120, 90)))
    when(site, case, state)
    kill(site, "analyse")
    assert site.ended(case).outcome is Outcome.ALERT
    site.delivered(case)
    assert len(site.mails_about(case)) == 1


def test_the_deliverer_killed_after_the_outcome_still_tells(site: Hospital) -> None:
    case = site.send(spot_pack.film((120, 90)))
    when(site, case, StudyState.REPORTED)
    kill(site, "deliver")
    site.delivered(case)
    # Twice at most: once more only if the kill fell between the server's 250 and our record.
    assert len(site.mails_about(case)) in {1, 2}


def test_the_receiver_killed_after_its_success_has_lost_nothing(site: Hospital) -> None:
    case = site.send(spot_pack.film((120, 90)))
    kill(site, "receive")
    assert site.ended(case).outcome is Outcome.ALERT
    site.delivered(case)


def test_all_roles_killed_at_once_with_their_supervisor(site: Hospital) -> None:
    case = site.send(spot_pack.film((120, 90)))
    pids = [site.box.role_pid(role) for role in ("receive", "analyse", "deliver")]
    site.box.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 30)
    site.box.start()
    assert site.ended(case).outcome is Outcome.ALERT
    site.delivered(case)
    assert len(site.mails_about(case)) in {1, 2}


def test_a_study_is_not_told_twice_because_the_box_was_started_again(site: Hospital) -> None:
    case = site.send(spot_pack.film((120, 90)))
    site.ended(case)
    site.delivered(case)
    assert site.box.stop() == 0
    site.box.start()
    again = site.send(spot_pack.film())
    site.ended(again)
    assert len(site.mails_about(case)) == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_any_moment_of_a_study(site: Hospital) -> None:
    """Each role, killed at 5 moments spread over a study's way."""
    for role in ("receive", "analyse", "deliver"):
        for step in range(5):
            case = site.send(spot_pack.film((120, 90)))
            time.sleep(step * 0.4)
            kill(site, role)
            assert site.ended(case).outcome is Outcome.ALERT
            site.delivered(case)
            assert len(site.mails_about(case)) in {1, 2}
