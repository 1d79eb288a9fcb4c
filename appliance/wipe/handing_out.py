"""Getting statement and certificate off the box: each destination has a deadline."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.errors import OsteonError
from appliance.storage import storage_error, write_durably
from appliance.wipe.ended import HANDED_TO
from appliance.wipe.journal import Evidence, Result
from appliance.wipe.plan import Destination


@dataclass(frozen=True, slots=True)
class Document:
    """A file that is handed out."""

    name: str
    content: bytes


class Taker(Protocol):
    """One destination."""

    def take(self, documents: tuple[Document, ...]) -> str:
        """Take what it can take of the documents; what it says about it. Raises OsteonError."""
        ...


class FolderTaker:
    """A folder, such as that of a mounted share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, documents: tuple[Document, ...]) -> str:
        """See `Taker.take`."""
        try:
            for document in documents:
                write_durably(self._folder / document.name, document.content, mode=0o644)
        except OSError as error:
            raise storage_error(error) from error
        return f"{len(documents)} file(s)"


def hand_out(
    documents: tuple[Document, ...], takers: Mapping[Destination, Taker], seconds: float
) -> tuple[Evidence, ...]:
    """Give the documents to every destination at once; one that hangs is left behind.

    seconds: for each. A folder of a server that is gone must not keep keys alive.
    """
    running = [_Handing(to, taker, documents) for to, taker in takers.items()]
    for one in running:
        one.start()
    for one in running:
        one.join(seconds)
    return tuple(one.evidence() for one in running)


class _Handing(threading.Thread):
    def __init__(self, to: Destination, taker: Taker, documents: tuple[Document, ...]) -> None:
        super().__init__(daemon=True)
        self._to, self._taker, self._documents = to, taker, documents
        self._said: tuple[Result, str] = (Result.FAILED, "it did not answer in time")

    def run(self) -> None:
        try:
            self._said = (Result.DONE, self._taker.take(self._documents))
        except OsteonError as error:
            self._said = (Result.FAILED, str(error))

    def evidence(self) -> Evidence:
        return Evidence(f"{HANDED_TO}{self._to.kind} {self._to.place}".strip(), *self._said)
