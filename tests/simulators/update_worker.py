"""Attempts in processes that can be killed, stopped or starved at each of their system calls.

`python -m tests.simulators.update_worker` is warm: it forks one child for each line it reads, which
stops itself first, so that strace can take hold of it. A child has nothing but its folder.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.errors import OsteonError
from appliance.signing import DeviceSigner
from appliance.update.layout import MODELS_ROLE
from appliance.update.source import FolderSource
from tests.simulators.update_box import UpdateBox
from tests.simulators.update_repository import BEGIN, MadePack, RepositoryMaker

ROOT = Path(__file__).parents[2]
MUTATING = (
    "write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "mkdir,mkdirat,symlink,symlinkat,fchmod,chmod"
)
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


class Worker:
    """The warm process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, box: Path, repository: Path, key: Path) -> int:
        """A child that stands still before its attempt; its process id."""
        pid = int(self._said(f"{box}\t{repository}\t{key}"))
        while _state(pid) != "T":
            time.sleep(0.002)
        return pid

    def ended(self) -> int:
        """The child's exit status; negative: the signal that ended it."""
        return int(self._said("wait"))

    def _said(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def worker() -> Iterator[Worker]:
    """Started once for many attempts."""
    command = [sys.executable, "-P", "-m", "tests.simulators.update_worker"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        yield Worker(process)
        assert process.stdin
        process.stdin.close()


@contextmanager
def traced(
    pid: int, *expressions: str, log: Path = Path(os.devnull)
) -> Iterator[subprocess.Popen[str]]:
    """strace on a child that stands still; lets it go on once it holds it."""
    words = [word for expression in expressions for word in ("-e", expression)]
    with subprocess.Popen(
        ["strace", "-q", "-f", *words, "-p", str(pid), "-o", str(log)],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while f"TracerPid:\t{process.pid}\n" not in _status(pid):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.002)
        os.kill(pid, signal.SIGCONT)
        yield process
        process.wait(20)  # it ends with the child


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


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


def _state(pid: int) -> str:
    return _status(pid).partition("State:\t")[2][:1]


def wait_until_stopped(log: Path) -> None:
    """Until strace says so in its log: for a moment, its child stands still at each call."""
    while "stopped by SIGSTOP" not in log.read_text():
        time.sleep(0.005)


def main() -> None:
    """Fork a child for each line: box, repository and key, or wait for the last one."""
    child = 0
    for line in sys.stdin:
        if line == "wait\n":
            _, status = os.waitpid(child, 0)
            sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        else:
            child = os.fork()
            if not child:
                _attempt(*map(Path, line.rstrip("\n").split("\t")))
            sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _attempt(folder: Path, repository: Path, key: Path) -> None:
    status = 1
    try:
        box = opened(folder, key)
        os.kill(os.getpid(), signal.SIGSTOP)
        refused = box.apply(FolderSource(repository))
        status = 4 if refused else 0
    except OsteonError:
        status = TOLD
    except BaseException:  # noqa: BLE001 - a fork must never go on in its parent's place
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
