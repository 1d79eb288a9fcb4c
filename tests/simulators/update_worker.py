"""Attempts of an update in `stoppable` processes: a child has nothing but its folder.

As a module it is the warm process.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.errors import OsteonError
from appliance.signing import DeviceSigner
from appliance.update.layout import MODELS_ROLE
from appliance.update.source import FolderSource
from tests.simulators.stoppable import Worker, serve, stand_still, traced
from tests.simulators.update_box import UpdateBox
from tests.simulators.update_repository import BEGIN, MadePack, RepositoryMaker

FILLING = "write,fsync,mkdir,rename,symlink"
"""What a full disk may refuse."""
TOLD = 3
"""Exit status of a child whose attempt ended with an error of the box's own."""


@dataclass(frozen=True)
class Parts:
    """A repository with something new, and a folder for each box that is to take it."""

    folder: Path
    old: MadePack
    new: MadePack

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def box(self, name: str) -> UpdateBox:
        """A box that lies below the folder by that name, as it is."""
        return opened(self.folder / name, self.folder / "device.pem")


def parts(folder: Path) -> Parts:
    """A box `begun` that has taken the old pack, and a repository that has moved on."""
    maker = RepositoryMaker(folder / "repository")
    old = maker.release(maker.make_pack("1.0.0.1"))
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "device.pem").write_bytes(key)
    (folder / "begun").mkdir()
    (folder / "begun" / "root.json").write_bytes(maker.first_root)
    box = opened(folder / "begun", folder / "device.pem")
    box.floors.begin()
    assert box.apply(FolderSource(maker.folder)) == ()
    maker.rotate("timestamp")
    maker.rotate(MODELS_ROLE)  # the old pack needs other signatures, before these keys count
    maker.publish(maker.make_pack("1.0.0.1"))
    new = maker.release(maker.make_pack("1.1.0.1", 2, more_files={"new.bin": b"new" * 9000}))
    return Parts(folder, old, new)


def opened(folder: Path, key: Path) -> UpdateBox:
    """A box as it lies there."""
    signer = DeviceSigner.from_pem(key.read_bytes())
    box = UpdateBox(folder, (folder / "root.json").read_bytes(), signer)
    box.clock.wall = BEGIN.timestamp() + 600
    return box


@dataclass(frozen=True)
class Moment:
    """Before one system call of an attempt: its name, and how often each was made till then."""

    call: str
    before: Mapping[str, int]

    def inject(self, what: str) -> str:
        """strace's words for doing something at that call alone."""
        return f"inject={self.call}:{what}:when={self.before.get(self.call, 0) + 1}"

    def inject_from_here_on(self, which: str, what: str) -> list[str]:
        """The same at that call and all later ones of these kinds; strace counts each kind."""
        return [
            f"inject={name}:{what}:when={self.before.get(name, 0) + 1}+"
            for name in which.split(",")
        ]


def moments(started: Worker, made: Parts, which: str, name: str) -> list[Moment]:
    """Every system call of these kinds in a whole attempt, in order."""
    shutil.copytree(made.folder / "begun", made.folder / name, symlinks=True)
    pid = started.begin(made.folder / name, made.repository, made.folder / "device.pem")
    log = made.folder / f"{name}.trace"
    with traced(pid, f"trace={which}", "signal=none", log=log):
        assert started.ended() == 0
    count: Counter[str] = Counter()
    found = []
    for call in re.findall(r"^(?:\d+ +)?(\w+)\(", log.read_text(), re.MULTILINE):
        found.append(Moment(call, dict(count)))
        count[call] += 1
    return found


def wait_until_stopped(log: Path) -> None:
    """Until strace says so in its log: for a moment, its child stands still at each call."""
    while "stopped by SIGSTOP" not in log.read_text():
        time.sleep(0.005)


def _attempt(words: list[str]) -> int:
    folder, repository, key = map(Path, words)
    box = opened(folder, key)
    stand_still()
    try:
        refused = box.apply(FolderSource(repository))
    except OsteonError:
        return TOLD
    return 4 if refused else 0


if __name__ == "__main__":
    serve(_attempt)
