"""The installing unit killed at its system calls: the old system starts, or the new one, whole."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.signing import DeviceSigner
from appliance.update.os.states import OsState
from appliance.update.source import FolderSource
from tests.simulators.os_box import FLASHED, NAME, OsBox
from tests.simulators.os_worker import kept, opened
from tests.simulators.stoppable import MUTATING, Worker, traced, worker
from tests.simulators.update_repository import MadeImage, RepositoryMaker, make_image
from tests.simulators.update_worker import TOLD, Moment

NEW = "1.1.0.1"
SAMPLE = 6


class Prepared:
    """A box that has fetched an image and not begun to install it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        maker = RepositoryMaker(folder / "repository")
        self.image: MadeImage = maker.release_image(make_image(NEW))
        key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        box = OsBox(folder / "begun", maker.first_root, DeviceSigner.from_pem(key))
        box.begin_floors()
        box.apply(FolderSource(maker.folder))
        box.unit.look()
        kept(box, key)

    def fresh(self, name: str) -> OsBox:
        shutil.copytree(self.folder / "begun", self.folder / name)
        return opened(self.folder / name)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def warm() -> Iterator[Worker]:
    with worker("tests.simulators.os_worker") as started:
        yield started


def went_on(warm: Worker, box: OsBox, *expressions: str, log: Path = Path(os.devnull)) -> int:
    """One call of the unit under strace; its exit status, negative: the signal that ended it."""
    pid = warm.begin(box.folder)
    with traced(pid, *expressions, log=log):
        return warm.ended()


def moments(warm: Worker, prepared: Prepared, name: str) -> list[Moment]:
    """Every mutating system call of the unit itself in a whole installation, in order."""
    box = prepared.fresh(name)
    log = prepared.folder / f"{name}.trace"
    assert went_on(warm, box, f"trace={MUTATING}", "signal=none", log=log) == 0
    assert opened(box.folder).record.state is OsState.INSTALLED
    lines = log.read_text().splitlines()
    own = lines[0].split()[0]
    count: Counter[str] = Counter()
    found = []
    for line in lines:
        call = re.match(r"(\d+) +(\w+)\(", line)
        if call is None or call[1] != own:
            continue
        found.append(Moment(call[2], dict(count)))
        count[call[2]] += 1
    return found


def assert_starts(box: OsBox, prepared: Prepared) -> None:
    """The machine starts what is whole: the new system only with all of its files."""
    running = box.start()
    assert running in {FLASHED, NEW}
    if running == NEW:
        for name, content in prepared.image.named().items():
            place = box.esp / f"{NAME}_{NEW}+2-1.efi" if name.endswith(".efi") else box.slots / name
            assert place.read_bytes() == content


def assert_goes_on(box: OsBox, prepared: Prepared) -> None:
    """The next calls come to the end by themselves, whatever was left."""
    if box.unit.go_on().state is not OsState.TRIAL:
        assert box.record.state is OsState.INSTALLED
        assert box.start() == NEW
    there = {place.name for place in box.slots.iterdir()}
    assert there == {name for name in prepared.image.named() if not name.endswith(".efi")}
    box.bless()
    assert box.unit.go_on().state is OsState.COMMITTED
    assert box.record.active.version == NEW
    assert not box.os.ready.exists()


def killed_at(warm: Worker, prepared: Prepared, places: Sequence[Moment], name: str) -> None:
    for number, moment in enumerate(places):
        for restarts in (False, True):
            box = prepared.fresh(f"{name}{number}{restarts}")
            done = went_on(warm, box, f"trace={MUTATING}", moment.inject("signal=KILL"))
            assert done == -signal.SIGKILL, moment
            box = opened(box.folder)
            if restarts:
                assert_starts(box, prepared)
            assert_goes_on(box, prepared)
            shutil.rmtree(box.folder)


def test_an_installation_killed_at_some_system_calls(warm: Worker, prepared: Prepared) -> None:
    found = moments(warm, prepared, "counted")
    assert len(found) > 40
    killed_at(warm, prepared, found[:: len(found) // SAMPLE], "some")


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_an_installation_killed_at_every_system_call(warm: Worker, prepared: Prepared) -> None:
    killed_at(warm, prepared, moments(warm, prepared, "counted-all"), "all")


def test_a_disk_that_is_full_leaves_the_old_system(warm: Worker, prepared: Prepared) -> None:
    found = [each for each in moments(warm, prepared, "filled") if each.call == "write"]
    for number, moment in enumerate(found[:: max(1, len(found) // 3)]):
        box = prepared.fresh(f"full{number}")
        done = went_on(warm, box, "trace=write", moment.inject("error=ENOSPC"))
        assert done == TOLD, moment
        assert_goes_on(opened(box.folder), prepared)
