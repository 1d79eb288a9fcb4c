"""What the maker needs to help, and nothing of any patient: states, codes, figures and versions.

No object of DICOM is ever in it, de-identified or not: a picture of a rare injury is somebody's.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from appliance.audit.reader import TrailReader
from appliance.config.schema import Site
from appliance.daemon.state import StateFolder
from appliance.errors import OsteonError
from appliance.ledger.figures import Figures
from appliance.ledger.models import ModelStates
from appliance.ledger.work import WorkLedger
from appliance.provision.programs import answer_of
from appliance.storage import free_bytes
from appliance.update.layout import UpdateFolder
from appliance.update.status_sending import STATUS

_NEWEST: Final = 500
_WEEK_S: Final = 7 * 86_400.0
_JOURNAL_BYTES: Final = 20 * 2**20
_PIN_HASH: Final = re.compile(r"\$argon2id\$[A-Za-z0-9=,$+/]*")
_LOCAL_PART: Final = re.compile(r"[^\s\"'<>,;:@]+@")
_WRITTEN: Final = frozenset({"by", "reason"})
_JOURNAL_FIELDS: Final = ("__REALTIME_TIMESTAMP", "PRIORITY", "SYSLOG_IDENTIFIER", "MESSAGE")
_PROGRAMS: Final = {
    "units.txt": (
        "systemctl",
        "show",
        "osteon-*",
        "--property=Id,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestamp",
    ),
    "processor.txt": ("lscpu",),
    "disks.txt": ("df", "--output=source,fstype,size,used,avail,target", "-h"),
    "memory.txt": ("free", "-m"),
    "kernel.txt": ("uname", "-srm"),
}
_JOURNAL: Final = (
    *("journalctl", "--unit=osteon-*", "--since=-7days", "--output=json", "--no-pager"),
    "--output-fields=PRIORITY,SYSLOG_IDENTIFIER,MESSAGE",
)


def members(site: Site, yaml: bytes, state: StateFolder, now: float) -> Iterator[tuple[str, bytes]]:
    """Each file of the bundle: (name, content). What cannot be had says why in its place."""
    parts: Mapping[str, Callable[[], Any]] = {
        "studies.json": lambda: _studies(state),
        "figures.json": lambda: _figures(site, state, now),
        "models.json": lambda: _models(state),
        "audit.json": lambda: _audit(state),
    }
    yield "site.yaml", _without_people(yaml)
    for name, made in parts.items():
        try:
            content = made()
        except (OsteonError, OSError) as error:
            code = error.code if isinstance(error, OsteonError) else type(error).__name__
            content = {"unavailable": code}
        yield name, json.dumps(content, indent=1, default=str).encode()
    for name, command in _PROGRAMS.items():
        yield name, answer_of(command) or b"unavailable\n"
    yield "journal.jsonl", _journal()
    for place in (state.update / STATUS, UpdateFolder(state.update).history):
        if place.is_file():
            yield f"update/{place.name}", _without_words(place.read_bytes())


def _without_words(lines: bytes) -> bytes:
    """Without who answered for what, and what they wrote: a line that is no entry is left out."""
    kept = []
    for line in lines.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        kept.append(json.dumps({key: entry[key] for key in entry if key not in _WRITTEN}))
    return "\n".join(kept).encode()


def _without_people(yaml: bytes) -> bytes:
    """Nor what a PIN could be found from by trying."""
    text = _PIN_HASH.sub("(not shown)", yaml.decode(errors="replace"))
    return _LOCAL_PART.sub("...@", text).encode()


def _studies(state: StateFolder) -> list[dict[str, object]]:
    with closing(WorkLedger(state.work, read_only=True)) as work:
        return [
            {
                "case": each.case,
                "revision": each.revision,
                "opened_at": each.opened_at,
                "changed_at": each.changed_at,
                "state": each.state,
                "outcome": each.outcome,
                "reason": each.reason,
                "test": each.is_phantom,
            }
            for each in work.revisions(_NEWEST)
        ]


def _figures(site: Site, state: StateFolder, now: float) -> dict[str, object]:
    with closing(Figures(state.intake, state.work, state.delivery)) as figures:
        return {
            "software_time": now,
            "time_zone": site.site.time_zone,
            "free_bytes": free_bytes(state.root),
            "in_each_state": dict(figures.in_each_state()),
            "ended_in_7_days": [asdict(each) for each in figures.ended_since(now - _WEEK_S)],
            "waiting_deliveries": figures.waiting(),
            "unacknowledged": figures.unacknowledged(),
        }


def _models(state: StateFolder) -> list[dict[str, object]]:
    with closing(ModelStates(state.work, read_only=True)) as models:
        return [asdict(each) for each in models.all()]


def _audit(state: StateFolder) -> dict[str, int]:
    """How often each kind of entry; who did it stays on the box."""
    return dict(Counter(each.kind for each in TrailReader(state.access).new()))


def _journal() -> bytes:
    """The units' entries of a week: our own words only, whatever else journald knows."""
    lines = []
    for line in (answer_of(_JOURNAL) or b"")[-_JOURNAL_BYTES:].splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # the first one, cut
            continue
        kept = {name: entry[name] for name in _JOURNAL_FIELDS if name in entry}
        lines.append(json.dumps(kept))
    return "\n".join(lines).encode() or b"unavailable\n"


def write_to(target: Path, found: Iterator[tuple[str, bytes]], now: float) -> int:
    """Write a gzipped tar, readable by its owner only; how many files it holds. Raises OSError."""
    count = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in found:
            member = tarfile.TarInfo(f"osteon-support/{name}")
            member.size, member.mtime, member.mode = len(content), int(now), 0o600
            tar.addfile(member, io.BytesIO(content))
            count += 1
    return count
