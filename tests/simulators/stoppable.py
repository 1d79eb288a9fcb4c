"""Work in processes that can be killed, stopped or starved at each of their system calls.

A warm process, which has loaded what takes long, forks one child for each line it reads; the child
stops itself first, so that strace can take hold of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
MUTATING = (
    "write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "mkdir,mkdirat,symlink,symlinkat,fchmod,chmod"
)


class Worker:
    """The warm process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._child = 0

    def begin(self, *words: str | Path) -> int:
        """A child that stands still before its work on these words; its process id."""
        self._child = int(self._said("\t".join(map(str, words))))
        while _state(self._child) != "T":
            time.sleep(0.002)
        return self._child

    def ended(self) -> int:
        """The child's exit status; negative: the signal that ended it."""
        ended = int(self._said("wait"))
        self._child = 0
        return ended

    def stop(self) -> None:
        """No child is left standing where a test was broken off."""
        if self._child:
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)

    def _said(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def worker(module: str) -> Iterator[Worker]:
    """One whose module calls `serve`; started once for many children."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        started = Worker(process)
        try:
            yield started
        finally:
            started.stop()
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


def stand_still() -> None:
    """For a child: until somebody lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def serve(work: Callable[[list[str]], int]) -> None:
    """For the warm process: fork a child for each line of words, or wait for the last one.

    work: what a child does; its exit status. It calls `stand_still`.
    """
    child = 0
    for line in sys.stdin:
        if line == "wait\n":
            _, status = os.waitpid(child, 0)
            sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        else:
            child = os.fork()
            if not child:
                _work(work, line.rstrip("\n").split("\t"))
            sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _work(work: Callable[[list[str]], int], words: list[str]) -> None:
    status = 1
    try:
        status = work(words)
    except BaseException:  # noqa: BLE001 - a fork must never go on in its parent's place
        traceback.print_exc()
    finally:
        os._exit(status)


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


def _state(pid: int) -> str:
    return _status(pid).partition("State:\t")[2][:1]
