"""A console of 80 columns and 25 rows, with a person at its keyboard and the real screen on it.

The menu's sessions are started as systemd does it: `systemd-socket-activate` accepts each call.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.provision.identity import RECORD
from appliance.wipe.journal import DONE
from tests.simulators.box import OSTEON, ROOT, wait_until

ENTER, ESCAPE, ERASE = "\r", "\x1b", "\x7f"
_SIZE: Final = struct.pack("4H", 25, 80, 0, 0)
_FRAME: Final = re.compile(rb"\x1b\[1;1H((?:(?!\x1b\[1;1H).)*?)\x1b\[\?25[lh]", re.DOTALL)
_ROW: Final = re.compile(r"\x1b\[[0-9]+;1H")
_CODES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PARTS: Final = ("access", "receive", "analyse", "deliver")


@dataclass
class Console:
    """What is on it, and what is pressed."""

    terminal: int
    process: subprocess.Popen[bytes]
    written: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def page(self) -> str:
        """The last whole frame, without trailing blanks."""
        frames = _FRAME.findall(self.written)
        text = _ROW.sub("\n", frames[-1].decode("ascii")) if frames else ""
        text = _CODES.sub("", text)
        return "\n".join(row.rstrip() for row in text.splitlines()).rstrip()

    def shows(self, *words: str, seconds: float = 90) -> str:
        """Wait until one page has all of that; the page."""
        found = ""

        def is_there() -> bool:
            nonlocal found
            found = self.page
            assert self.process.poll() is None, found
            return all(each in found for each in words)

        try:
            wait_until(is_there, seconds)
        except TimeoutError as error:
            error.add_note(self.page)
            raise
        return found

    def turns(self, page: str, seconds: float = 90) -> str:
        """Wait until another page than that is there, whatever its clock says; the page."""
        was = page.splitlines()[1:]
        wait_until(lambda: self.page.splitlines()[1:] != was, seconds)
        return self.page

    def reads_to(self, words: str) -> str:
        """Turn the pages of a job until one says that; the page."""
        page = self.shows("Enter: ")
        while words not in page:
            self.press(ENTER)
            page = self.turns(page)
        return page

    def press(self, keys: str) -> None:
        """One key after another."""
        os.write(self.terminal, keys.encode())

    def read(self) -> None:
        """Take what is written until the program has ended."""
        with suppress(OSError):
            while part := os.read(self.terminal, 65536):
                self.written += part


@contextmanager
def console(
    folder: Path,
    config: Path,
    *,
    stick: Path,
    signers: Path | None = None,
    identity: Path | None = None,
) -> Iterator[Console]:
    """The screen of a box, until the end.

    folder: for its socket, the identity (where no other place is said) and a wipe's journal; in it
    may lie `fstab`, the table of file systems, `reset.service`, which a flashed box has, and `bin`,
    programs in place of the machine's own. stick: a folder in place of one. signers: who may sign a
    site YAML.
    """
    door = folder / "door"
    identity = identity or folder / "identity"
    where = ("--config", config, "--table", folder / "fstab")
    where += ("--refused", folder / "refused.json")
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    acting = [
        *(*OSTEON, "technician", *where, "--stick", stick, "--identity", identity),
        *("--wipe-journal", folder / "wipe", "--signers", signers or folder / "nobody"),
        *("--reset-unit", folder / "reset.service"),
    ]
    listen = ["systemd-socket-activate", "--seqpacket", "--accept", "--inetd", "--listen", door]
    shown = [
        *(*OSTEON, "screen", *where, "--door", door, "--cgroups", folder / "cgroups"),
        *("--identity", identity / RECORD, "--wiped", folder / "wipe" / DONE),
    ]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "menu.log").open("ab"))
        listening = subprocess.Popen(
            [*listen, *acting], cwd=ROOT, stdout=log, stderr=log, env=environment
        )
        stack.callback(_end, listening)
        wait_until(door.exists, 30)
        ours, theirs = os.openpty()
        stack.callback(os.close, ours)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, _SIZE)
        process = subprocess.Popen(
            shown,
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=log,
            start_new_session=True,
            env={**environment, "TERM": "linux", "COLUMNS": "80", "LINES": "25"},
        )
        os.close(theirs)
        made = Console(ours, process)
        reading = threading.Thread(target=made.read)
        reading.start()
        stack.callback(reading.join)
        stack.callback(_end, process)
        yield made


def runs(folder: Path, *parts: str) -> None:
    """Have the kernel's control groups say that these units run, and no others."""
    for part in PARTS:
        place = folder / "cgroups" / f"osteon-{part}.service" / "cgroup.events"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"populated {int(part in parts)}\nfrozen 0\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
