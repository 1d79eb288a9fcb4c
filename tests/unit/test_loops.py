"""The loops of the roles promise what they keep: idle they turn, hung they are found out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.ledger.intake import IntakeLedger
from appliance.loops import Loops
from appliance.pipeline.deliver.worker import Worker
from appliance.pipeline.receive import committer, listener
from appliance.pipeline.receive.committer import Committer
from tests.simulators.box import wait_until
from tests.simulators.receiving import SETTINGS, running_receiver

A_DAY = 86_400.0
BRIEF = replace(SETTINGS, limits=replace(SETTINGS.limits, request_s=0.1))


class Clock(SystemClock):
    """Real waiting, and a monotonic time that can be moved."""

    ahead = 0.0

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return super().monotonic() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loops(clock: Clock) -> Loops:
    return Loops(clock)


@pytest.fixture
def brief_idling(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (committer, listener):
        monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)


@contextmanager
def held_up() -> Iterator[tuple[threading.Event, threading.Event]]:
    """(reached, go on): for a job that hangs until the block ends."""
    reached, go_on = threading.Event(), threading.Event()
    try:
        yield reached, go_on
    finally:
        go_on.set()


@pytest.mark.usefixtures("brief_idling")
def test_a_commit_that_hangs_is_overdue_and_an_idle_committer_never(
    tmp_path: Path, clock: Clock, loops: Loops, request: pytest.FixtureRequest
) -> None:
    ledger = IntakeLedger(tmp_path / "intake.db")
    one = Committer(ledger, loops.add("committer"))
    one.start()
    request.addfinalizer(one.stop)  # a failure must not leave its thread behind
    one.commit(lambda _: None)  # so that it has turned
    clock.ahead = A_DAY
    wait_until(lambda: not loops.overdue(), 20)
    with held_up() as (reached, go_on):

        def hang(_: IntakeLedger) -> None:
            reached.set()
            go_on.wait()

        waiting = threading.Thread(target=one.commit, args=(hang,))
        waiting.start()
        reached.wait()
        clock.ahead = 2 * A_DAY
        assert loops.overdue() == ("committer",)
    waiting.join()
    wait_until(lambda: not loops.overdue(), 20)
    one.stop()
    clock.ahead = 3 * A_DAY
    assert loops.overdue() == ()
    ledger.close()


@pytest.mark.usefixtures("brief_idling")
def test_an_idle_receiver_is_never_overdue(tmp_path: Path, clock: Clock) -> None:
    loops = Loops(clock)
    with running_receiver(tmp_path, BRIEF, clock=clock, loops=loops) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as connection:
            assert connection.recv(1) == b""  # nothing was asked: so both have turned
        clock.ahead = A_DAY
        wait_until(lambda: not loops.overdue(), 20)


def test_a_sending_that_hangs_is_overdue_and_an_idle_channel_never(
    clock: Clock, loops: Loops
) -> None:
    worker = Worker("mail", loops.add("mail"))
    clock.ahead = A_DAY
    assert loops.overdue() == ()
    with held_up() as (reached, go_on):

        def hang() -> None:
            reached.set()
            go_on.wait()

        worker.submit(hang)
        reached.wait()
        assert loops.overdue() == ()  # it may take a while
        clock.ahead = 2 * A_DAY
        assert loops.overdue() == ("mail",)
    worker.stop()
    worker.wait(20)
    assert loops.overdue() == ()
