"""Where statement and certificate of a wipe go: folders, a stick, printers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from appliance.alerts.channel import Envelope, Page
from appliance.alerts.printer import PrinterChannel, PrinterSettings
from appliance.domain import CaseCode
from appliance.errors import ConfigError
from appliance.provision.volume import LABELS, find_volume, mounted
from appliance.wipe.handing_out import Document, FolderTaker, Taker
from appliance.wipe.plan import Destination, WipePlan

_PDF: Final = ".pdf"


def takers_of(plan: WipePlan) -> dict[Destination, Taker]:
    """What takes the documents at each destination of the plan."""
    return {to: _taker(to) for to in plan.destinations}


def _taker(to: Destination) -> Taker:
    if to.kind == "printer":
        return PrinterTaker(to)
    return StickTaker() if to.kind == "stick" else FolderTaker(Path(to.place))


class StickTaker:
    """The stick with one of our labels, wherever it is plugged in at that time."""

    def take(self, documents: tuple[Document, ...]) -> str:
        """See `Taker.take`."""
        volume = find_volume(LABELS)
        if volume is None:
            raise ConfigError("volume-missing", " or ".join(LABELS))
        with mounted(volume) as stick:
            stick.make_writable()
            return FolderTaker(stick.folder).take(documents)


class PrinterTaker:
    """A printer: the page alone."""

    def __init__(self, to: Destination) -> None:
        self._to = to

    def take(self, documents: tuple[Document, ...]) -> str:
        """See `Taker.take`."""
        pages = [each for each in documents if each.name.endswith(_PDF)]
        if not pages:
            return "nothing for paper yet"
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as authority:
            authority.write(self._to.authority)
            authority.flush()
            file = Path(authority.name) if self._to.authority else None
            channel = PrinterChannel(PrinterSettings(self._to.place, file))
            # The code is the job's name; a certificate belongs to no study.
            page = Page(CaseCode("wipe"), pages[0].content)
            return channel.send(Envelope("", 0, ""), page).text
