"""Where events go: to journald with a field each, or to standard error as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

EVENT = "journal.open_journal('receive'); journal.fail('disk', code='disk-full', count=2)"
SENT = f"""
from systemd import journal as theirs
sent = []
theirs.send = lambda message, **fields: sent.append((message, fields))
from appliance import journal
{EVENT}
import json; print(json.dumps(sent))
"""


def run(code: str, file: Path, *, is_journal: bool) -> subprocess.CompletedProcess[str]:
    """Run it with standard error in a file that is, or is not, what systemd calls the journal."""
    with file.open("w") as errors:
        place = os.fstat(errors.fileno())
        stream = f"{place.st_dev}:{place.st_ino + (not is_journal)}"
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "JOURNAL_STREAM": stream},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=True,
            timeout=60,
        )


def test_under_systemd_each_field_is_one_of_the_entrys_own(tmp_path: Path) -> None:
    ((message, fields),) = json.loads(run(SENT, tmp_path / "err", is_journal=True).stdout)
    assert message == "disk code=disk-full count=2"
    assert fields == {
        "PRIORITY": 3,
        "SYSLOG_IDENTIFIER": "osteon-receive",
        "OSTEON_EVENT": "disk",
        "OSTEON_CODE": "disk-full",
        "OSTEON_COUNT": "2",
    }
    assert (tmp_path / "err").read_text() == ""


def test_redirected_standard_error_gets_json_whatever_systemd_connected(tmp_path: Path) -> None:
    assert run(SENT, tmp_path / "err", is_journal=False).stdout == "[]\n"
    told = (tmp_path / "err").read_text()
    assert told.startswith("receive: ")
    assert json.loads(told.removeprefix("receive: ")) == {
        "event": "disk",
        "code": "disk-full",
        "count": 2,
    }
