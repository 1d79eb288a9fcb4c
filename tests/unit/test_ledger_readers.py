"""A unit reads another unit's ledger without being able to write it, whether that unit runs or not.

Each unit has a user of its own, and its folder is closed to the others' writing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.box import ROOT

WRITER, READER, GROUP = 61001, 61002, 61000
SCRIPT = """
import os, sys, tempfile
from pathlib import Path
from appliance.domain import AlertSummary, CaseCode, MessageKind
from appliance.errors import StorageError
from appliance.ledger.work import WorkLedger
message = AlertSummary(CaseCode(""), MessageKind.TECHNICAL, "Site", 0.0, 0.0)
path = Path(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:  # everything that is loaded at its first use
    ledger = WorkLedger(Path(folder, "work.db"))
    ledger.post_technical(message, 0.0)
    ledger.outbox_after(0)
    ledger.close()
os.umask(0o027)
os.setgroups([])
os.setresgid(*3 * [int(sys.argv[4])])
os.setresuid(*3 * [int(sys.argv[3])])  # only now: this user may not read the checkout
try:
    ledger = WorkLedger(path, read_only=sys.argv[2] == "read")
    if sys.argv[2] != "read":
        ledger.post_technical(message, 0.0)
except StorageError as error:
    print(error.code, flush=True)
else:
    print(len(ledger.outbox_after(0)), flush=True)
    if sys.argv[2] == "hold":
        sys.stdin.read()
    ledger.close()
"""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@pytest.fixture
def ledger() -> Iterator[Path]:
    """Where the writing unit has its ledger, in a folder as StateDirectory= makes it."""
    # Not below pytest's own folder: that one is closed to other users, and stays so.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        folder = Path(name) / "analyse"
        folder.mkdir(mode=0o750)
        os.chown(folder, WRITER, GROUP)
        yield folder / "work.db"


def process(ledger: Path, does: str, user: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(ledger), does, str(user), str(GROUP)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def run(ledger: Path, does: str, user: int) -> str:
    return process(ledger, does, user).communicate(timeout=60)[0].strip()


def test_what_another_unit_may_read_and_when(ledger: Path) -> None:
    assert run(ledger, "read", READER) == "ledger-missing"
    writing = process(ledger, "hold", WRITER)
    assert writing.stdout is not None
    assert writing.stdout.readline() == "1\n"
    assert run(ledger, "read", READER) == "1"
    assert run(ledger, "write", READER) == "storage-failed"
    # The writer dies: what it left is read without it.
    writing.kill()
    writing.communicate()
    assert run(ledger, "read", READER) == "1"
    # It closes its ledger, which takes the WAL away: nobody else may make one.
    assert run(ledger, "write", WRITER) == "2"
    assert run(ledger, "read", READER) == "ledger-missing"
    # What ExecStopPost= of each unit is for.
    left = [f"{ledger}-wal", f"{ledger}-shm"]
    subprocess.run(["touch", *left], check=True, user=WRITER, group=GROUP, umask=0o027)
    assert run(ledger, "read", READER) == "2"
    assert run(ledger, "write", WRITER) == "3"
