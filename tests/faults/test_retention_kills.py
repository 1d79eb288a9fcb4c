"""`kill -9` while a study goes: it is whole, or its key is gone and the next run ends it.

The steps between its system calls are tried one by one in `tests/flow/test_retention.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.domain import MessageKind, StudyKey
from tests.simulators.keeping import kept_box
from tests.simulators.objects import ct_series, film
from tests.simulators.stoppable import MUTATING, Worker, traced, worker

pytestmark = pytest.mark.timeout(600)

SAMPLES = 6
DAYS = "31"


@pytest.fixture(scope="module")
def warm() -> Iterator[Worker]:
    with worker("tests.simulators.keeping_runner") as started:
        yield started


@pytest.fixture
def place() -> Iterator[Path]:
    """In memory: there a sync costs nothing."""
    with tempfile.TemporaryDirectory(prefix="osteon-", dir="/dev/shm") as folder:
        yield Path(folder)


def two_studies(folder: Path) -> tuple[StudyKey, StudyKey]:
    """One that has ended and goes after its days, and one of which an alert waits."""
    with kept_box(folder) as box:
        going = box.finished(*ct_series(2), kinds=(MessageKind.RESULT_OBJECT,))
        staying = box.receive(film())
        box.report(staying, MessageKind.CLINICAL_ALERT)
        box.look()
    return going, staying


def calls(warm: Worker, template: Path, folder: Path) -> list[tuple[str, int]]:
    """Each change of a whole turn: the system call, and the how manieth of its thread it is."""
    shutil.copytree(template, folder)
    log = folder.with_suffix(".trace")
    with traced(warm.begin(folder, DAYS), f"trace={MUTATING}", "signal=none", log=log):
        assert warm.ended() == 0
    count: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], None] = {}
    for thread, name in re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE):
        count[thread, name] += 1
        found[name, count[thread, name]] = None
    return list(found)


def killed_at(warm: Worker, place: Path, samples: int | None) -> None:
    template = place / "template"
    going, staying = two_studies(template)
    points = calls(warm, template, place / "traced")
    assert len(points) > 20
    killed, whole, keyless = 0, 0, 0
    chosen = points[:: 1 if samples is None else max(1, len(points) // samples)]
    for number, (name, when) in enumerate(chosen):
        folder = place / f"box{number}"
        shutil.copytree(template, folder)
        inject = f"inject={name}:signal=KILL:when={when}"
        with traced(warm.begin(folder, DAYS), inject):
            ended = warm.ended()
        assert ended in {-signal.SIGKILL, 0}, (name, when)
        killed += ended != 0
        with kept_box(folder) as box:
            if going in box.living():
                whole += 1
                with box.receiver.ledger() as intake:
                    images = intake.instances(going)
                assert len(images) == 2
                assert all(box.receiver.file_of(each) for each in images)
            else:
                keyless += 1
        os.kill(warm.begin(folder, DAYS), signal.SIGCONT)
        assert warm.ended() == 0, (name, when)
        with kept_box(folder) as box:
            assert box.living() == {staying}
            assert len(box.files()) == 2  # its image, and the page of its alert
            assert box.work.studies() == {staying}
            assert len(box.work.outbox_of(staying)) == 1
            assert going.encode() not in (folder / "receive" / "intake.db").read_bytes()
        shutil.rmtree(folder)
    # Runs differ by a few calls: the last of a name may never come.
    assert killed > 0.7 * len(chosen)
    assert min(whole, keyless) > 0


def test_killed_at_some_system_calls(warm: Worker, place: Path) -> None:
    killed_at(warm, place, SAMPLES)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_killed_at_every_system_call(warm: Worker, place: Path) -> None:
    killed_at(warm, place, None)
