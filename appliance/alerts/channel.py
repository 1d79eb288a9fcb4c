"""The port through which a person is told. One file in this folder makes one channel.

A channel implements `_send` for one message to one recipient. What must hold for every channel
stands here: only the type of content that the channel is made for passes (no PHI into a mail),
sizes are bounded, and whatever goes wrong becomes a `DeliveryError` that says whether trying again
can help. `installed` finds the channels; a file that fails to import is an error, never a silence.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from appliance.domain import AlertSummary
from appliance.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.domain import CaseCode

_MOST_PAGE_BYTES: Final = 30 * 1024 * 1024
_MOST_RECEIPT: Final = 120


@dataclass(frozen=True, slots=True)
class Page:
    """A page for paper, as PDF bytes. It names the patient: only a printer may have it."""

    case: CaseCode
    pdf: bytes


Content = AlertSummary | Page


@dataclass(frozen=True, slots=True)
class Envelope:
    """Which delivery this is. The same three values mean the same message, sent again."""

    outbox: str
    """The outbox item, such as `17`, unique on this box."""
    stage: int
    """How far the case was escalated; 0 is the first time anybody is told."""
    recipient: str
    """An address for a mail channel; empty for a printer."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side said when it took the message over; printable ASCII, short."""

    text: str


class Channel(ABC):
    """One way of telling a person."""

    kind: ClassVar[str]
    """What the site YAML calls it."""
    carries: ClassVar[type[AlertSummary | Page]]
    """The one type of content that it takes."""

    def send(self, envelope: Envelope, content: Content) -> Receipt:
        """Hand one message over; returns when the other side has taken it.

        Raises:
            DeliveryError: it did not get out; `permanent` when trying again cannot help.
        """
        if type(content) is not self.carries:
            raise DeliveryError("content-not-for-channel", self.kind, permanent=True)
        if isinstance(content, Page) and not (0 < len(content.pdf) <= _MOST_PAGE_BYTES):
            raise DeliveryError("page-size", str(len(content.pdf)), permanent=True)
        try:
            receipt = self._send(envelope, content)
        except DeliveryError:
            raise
        except Exception as error:  # the boundary of foreign libraries: an alert must not die there
            # Only the type's name: a library's text may quote what it was given.
            raise DeliveryError("channel-failed", type(error).__name__) from error
        return Receipt(printable(receipt.text, _MOST_RECEIPT))

    @abstractmethod
    def _send(self, envelope: Envelope, content: Content) -> Receipt:
        """Do it; bounded in time by the channel's own deadlines."""


def printable(text: str, most: int) -> str:
    """What a peer said, made harmless for ledgers and terminals: one line of ASCII."""
    return "".join(letter if " " <= letter <= "~" else " " for letter in text)[:most].strip()


def installed() -> Mapping[str, type[Channel]]:
    """Every channel in this folder, by kind. Import errors and doubled kinds are fatal."""
    package = importlib.import_module("appliance.alerts")
    found: dict[str, type[Channel]] = {}
    for module in sorted(item.name for item in pkgutil.iter_modules(package.__path__)):
        for thing in vars(importlib.import_module(f"appliance.alerts.{module}")).values():
            if not (inspect.isclass(thing) and issubclass(thing, Channel)):
                continue
            if inspect.isabstract(thing) or thing in found.values():
                continue
            if thing.kind in found:
                raise DeliveryError("channel-twice", thing.kind, permanent=True)
            found[thing.kind] = thing
    return found
