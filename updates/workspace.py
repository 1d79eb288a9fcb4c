"""The release machine's folder: repository, online keys, log."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.storage import fsync_folder, make_folder
from appliance.update.times import to_iso
from updates.repository import Repository


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything of one repository lies."""

    folder: Path

    @property
    def repository(self) -> Repository:
        """What `publish` puts on the web server."""
        return Repository(self.folder / "repository")

    @property
    def online(self) -> Path:
        """The keys of rollout, snapshot and timestamp."""
        return self.folder / "online"

    @property
    def pieces(self) -> Path:
        """Pieces of system images that people have still to sign for."""
        return self.folder / "pieces"

    def history(self) -> Iterator[dict[str, Any]]:
        """Everything that was done here, oldest first."""
        try:
            lines = (self.folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        yield from map(json.loads, lines)

    def log(self, *entries: dict[str, Any]) -> None:
        """Append to the history, durably."""
        make_folder(self.folder)
        file = self.folder / "history.jsonl"
        with file.open("a", encoding="utf-8") as history:
            history.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
            history.flush()
            os.fsync(history.fileno())
        fsync_folder(self.folder)


def entry(verb: str, what: str, now: datetime) -> dict[str, Any]:
    """One line of the log: when, by whom (the name of the login), what."""
    return {"at": to_iso(now.timestamp()), "by": getpass.getuser(), "verb": verb, "what": what}
