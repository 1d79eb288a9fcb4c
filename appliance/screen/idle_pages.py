"""What stands on the screen of a box that has nothing to do: new, wiped, or closed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from appliance.screen.lines import LABEL, Line, Style, fact, facts, time_text
from appliance.screen.status import Setting, Status
from appliance.screen.words import COLUMNS, folded, grouped_in_rows

_MOST_ROWS: Final = 3
_NEW: Final = (
    "What to do:",
    " 1. Write the site's file site.yaml, as page 03 of the manual says.",
    " 2. Sign it, or write down its fingerprint: sha256sum site.yaml",
    "    (on Windows: certutil -hashfile site.yaml SHA256).",
    " 3. Copy it into the top folder of a USB stick with the label OSTEON.",
    " 4. Plug the stick into this box. Press Enter, then 2. Compare the fingerprint",
    "    on the screen with what you wrote down, and type its first 8 digits.",
    " 5. The box starts. Let it prove itself: Enter, your PIN, then 1, then 0.",
    " 6. Print the hand-over sheet (7), read it together, sign it both.",
)
_CLOSED: Final = (
    "Nothing is received, analysed or told; what it stored cannot be read. Alerts of",
    "studies that were under way may have reached nobody: look at them in the PACS.",
    "",
    "What to do:",
    " 1. Switch the machine off and on once.",
    " 2. Was the firmware, Secure Boot or the TPM changed, or the disk put into",
    "    another machine? Undo that, and start it again.",
    " 3. Did it say NOT FOR THIS MACHINE when it started? Set a UUID in its firmware.",
    " 4. If nothing helps: flash it anew, as page 12 of the manual says. What it",
    "    stored is then gone; the PACS has the studies.",
)
_WIPED: Final = (
    "What to do:",
    " 1. See that the certificate is in safe hands. Once more onto a USB stick with",
    "    the label OSTEON: Enter, then c.",
    " 2. If this machine is to work again: Enter, then n makes it new where it was",
    "    flashed with the appliance image. Else see page 09 of the manual.",
)


def _device(status: Status) -> tuple[Line, ...]:
    return facts("Device id", grouped_in_rows(status.device_id) or ("not made yet",))


def _new(status: Status) -> Iterator[Line]:
    yield from map(Line, _NEW)
    yield Line()
    yield from _device(status)


def _closed(status: Status) -> Iterator[Line]:
    yield from map(Line, _CLOSED)
    if status.device_id:
        yield Line()
        yield from _device(status)


def _wiped(status: Status) -> Iterator[Line]:
    end = status.wiped
    if end is not None:
        when = "at a time that is not on record"
        if end.at is not None:
            when = time_text(end.at, status.time_zone, "%Y-%m-%d %H:%M:%S %Z")
        yield fact("Wiped", when)
        style = Style.ALARM if end.has_failed else Style.PLAIN
        yield fact("Status", end.status or "not on record: see the certificate", style)
        yield fact("Certificate", end.certificate or "NONE on this machine", Style.BOLD)
        yield from facts("its SHA-256", grouped_in_rows(end.digest) or ("not on record",))
        copies = ", ".join(end.copies) or "NOBODY"
        yield from facts("Handed to", folded(copies, COLUMNS - LABEL)[:_MOST_ROWS])
    yield from _device(status)
    yield Line()
    if end is not None and end.has_failed:
        yield Line("Something could not be destroyed: destroy the disk.", Style.BOLD)
    yield from map(Line, _WIPED)


IDLE_PAGES: Final[dict[Setting, Callable[[Status], Iterator[Line]]]] = {
    Setting.NONE: _new,
    Setting.CLOSED: _closed,
    Setting.WIPED: _wiped,
}
"""For each setting in which there are no facts of a box at work."""
