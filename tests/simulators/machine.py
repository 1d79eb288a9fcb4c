"""A machine with systemd as its first process: a Debian root in a container, booted for real.

It shares this host's network, so that modalities, mail server and printer of the tests reach it
on loopback. Commands are run by entering its namespaces: no daemon, bus or login is in between.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulators.box import wait_until
from tests.simulators.debian import KEPT, pip_settings, root_archive

_PIP_CACHE = Path("/var/cache/pip")


@dataclass
class Machine:
    """A root folder that is booted, or not just now."""

    root: Path
    name: str = field(default_factory=lambda: f"osteon-{uuid.uuid4().hex[:8]}")
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    options: tuple[str, ...] = ()
    """More words for systemd-nspawn."""
    reaches_packages: bool = True
    """Whether its pip has this host's packages; a root that is read-only has no place for them."""

    def boot(self) -> None:
        """Start systemd and wait until it has started everything."""
        pip, bound = pip_settings() if self.reaches_packages else ({}, {})
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "PIP_CACHE_DIR": str(_PIP_CACHE),
            **pip,
        }
        wheels = KEPT / "pip"
        wheels.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [
                *("systemd-nspawn", "--boot", "--quiet", "-D", self.root),
                *(f"--machine={self.name}", "--register=no", "--keep-unit", "--console=pipe"),
                *("--link-journal=no", "--timezone=off"),
                *(f"--bind-ro={ours}:{theirs}" for ours, theirs in bound.items()),
                *([f"--bind={wheels}:{_PIP_CACHE}"] if self.reaches_packages else []),
                *self.options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def is_up() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, "the machine did not boot"
            state = self.run("systemctl", "is-system-running", is_checked=False).stdout.strip()
            return state in {"running", "degraded"}

        wait_until(is_up, 300)

    def first_process(self) -> int:
        """This host's number of the machine's first process; 0 when there is none."""
        assert self.process is not None
        number = self.process.pid
        with contextlib.suppress(OSError):
            found = Path(f"/proc/{number}/task/{number}/children").read_text().split()
            return int(found[0]) if found else 0
        return 0

    def run(
        self, *words: str, is_checked: bool = True, said: str | None = None, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine as its root. said: what it reads from standard input."""
        done = subprocess.run(
            ["nsenter", "--all", f"--target={self.first_process()}", *words],
            env=self.environment,
            input=said or "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not is_checked or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Put a file into the machine, as a technician's editor would."""
        place = self.root / path.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(mode)

    def power_off(self) -> None:
        """An orderly shutdown."""
        assert self.process is not None
        self.run("systemctl", "poweroff", is_checked=False)
        self.process.wait(100)

    def pull_the_plug(self) -> None:
        """End every process of it at once: with the first one the kernel kills them all."""
        assert self.process is not None
        if first := self.first_process():
            os.kill(first, signal.SIGKILL)
        self.process.wait(60)


@contextlib.contextmanager
def debian(folder: Path, suite: str = "bookworm") -> Iterator[Machine]:
    """A fresh plain Debian, booted, whose root lies below `folder` until the end."""
    root = folder / "root"
    root.mkdir()
    subprocess.run(["tar", "-xf", root_archive(suite), "-C", root], check=True, timeout=600)
    machine = Machine(root)
    machine.boot()
    try:
        yield machine
    finally:
        if machine.process is not None and machine.process.poll() is None:
            machine.pull_the_plug()
        subprocess.run(["rm", "-rf", "--one-file-system", root], check=False, timeout=600)
