"""What systemd hears: readiness, and signs of life only while every loop turns."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.clock import SystemClock
from appliance.daemon.notify import Notifier, watchdog_seconds
from appliance.loops import Loops

PERIOD_S = 0.15


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))
        self._socket.settimeout(20)

    def hears(self) -> str:
        return self._socket.recv(4096).decode()

    def hears_within(self, seconds: float) -> bool:
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(4096)
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(20)
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    one = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(PERIOD_S * 1e6)))
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    yield one
    one.close()


@pytest.fixture
def loops() -> Loops:
    return Loops(SystemClock())


@pytest.fixture
def notifier(manager: Manager, loops: Loops) -> Iterator[Notifier]:
    del manager  # first, so that it is there
    one = Notifier(loops, SystemClock())
    yield one
    one.close()


def test_readiness_is_told_with_a_sentence_and_life_follows(
    manager: Manager, notifier: Notifier
) -> None:
    notifier.ready("Receiving on port 11112")
    assert manager.hears() == "READY=1\nSTATUS=Receiving on port 11112"
    assert manager.hears() == "WATCHDOG=1"


def test_a_loop_that_hangs_is_not_covered_up_by_one_that_turns(
    manager: Manager, notifier: Notifier, loops: Loops
) -> None:
    hanging, turning = loops.add("committer"), loops.add("listener")
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(0.01):
            turning.turned()

    thread = threading.Thread(target=turn)
    thread.start()
    hanging.turned(0.0)  # promised for this instant, and never again
    try:
        notifier.ready("Receiving")
        assert manager.hears().startswith("READY=1")
        assert not manager.hears_within(PERIOD_S * 4)
        hanging.turned()
        assert manager.hears() == "WATCHDOG=1"
    finally:
        stop.set()
        thread.join()


def test_a_loop_that_rests_owes_nothing(manager: Manager, notifier: Notifier, loops: Loops) -> None:
    worker = loops.add("mail")
    worker.turned(0.0)
    worker.rests()
    notifier.ready("Delivering")
    manager.hears()
    assert manager.hears() == "WATCHDOG=1"


def test_nothing_is_fed_after_the_end(manager: Manager, notifier: Notifier) -> None:
    notifier.ready("Analysing")
    notifier.close()
    while manager.hears_within(PERIOD_S):
        pass
    assert not manager.hears_within(PERIOD_S * 2)


def test_without_systemd_nothing_runs(monkeypatch: pytest.MonkeyPatch, loops: Loops) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    before = threading.active_count()
    notifier = Notifier(loops, SystemClock())
    notifier.ready("Receiving")
    assert threading.active_count() == before
    notifier.close()


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    assert watchdog_seconds({"WATCHDOG_USEC": "90000000"}) == 90.0
    assert watchdog_seconds({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "1"}) is None
    assert watchdog_seconds({"WATCHDOG_USEC": "0"}) is None
    assert watchdog_seconds({}) is None


def test_a_promise_holds_until_its_moment(loops: Loops) -> None:
    loop = loops.add("analyser")
    assert loops.overdue() == ()
    loop.turned(-1.0)
    assert loops.overdue() == ("analyser",)
    loop.turned()
    assert loops.overdue() == ()
