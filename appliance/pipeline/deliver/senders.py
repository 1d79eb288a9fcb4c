"""What carries an outbox item to one kind of destination."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from appliance.alerts.channel import Envelope, Page
from appliance.domain import AlertSummary
from appliance.errors import DeliveryError, StorageError

if TYPE_CHECKING:
    from appliance.alerts.channel import Channel, Content
    from appliance.domain import OutboxItem

ReadBlob = Callable[["OutboxItem", str], bytes]
"""Unseals one attachment of an item; raises StorageError when it is gone or damaged."""


class Sender(Protocol):
    """Carries an item to its destination; one call at a time."""

    def deliver(self, item: OutboxItem, recipient: str, stage: int) -> str:
        """Hand it over and return the receipt. Raises DeliveryError or StorageError."""
        ...


class Archive(Protocol):
    """A PACS, as the deliverer sees it."""

    def send(self, part10: bytes) -> str:
        """Store one DICOM file there and return the receipt. Raises DeliveryError."""
        ...


class ChannelSender:
    """Tells a person: the summary to a mail channel, the page to a printer."""

    def __init__(self, channel: Channel, read_blob: ReadBlob, box: str) -> None:
        self._channel = channel
        self._read_blob = read_blob
        self._box = box

    @property
    def needs_page(self) -> bool:
        """Whether an item without a page has nothing for this channel."""
        return self._channel.carries is Page

    def deliver(self, item: OutboxItem, recipient: str, stage: int) -> str:
        """See `Sender.deliver`."""
        envelope = Envelope(f"{self._box}/{item.id}", stage, recipient)
        return self._channel.send(envelope, self._content(item)).text

    def _content(self, item: OutboxItem) -> Content:
        if self.needs_page:
            if not item.blobs:
                raise DeliveryError("page-missing", permanent=True)
            return Page(item.case, _read(self._read_blob, item, item.blobs[0]))
        if not isinstance(item.summary, AlertSummary):
            raise DeliveryError("summary-missing", permanent=True)
        return item.summary


class ArchiveSender:
    """Stores the result objects of an item in a PACS."""

    def __init__(self, archive: Archive, read_blob: ReadBlob) -> None:
        self._archive = archive
        self._read_blob = read_blob

    def deliver(self, item: OutboxItem, recipient: str, stage: int) -> str:
        """See `Sender.deliver`."""
        del recipient, stage  # a PACS has no recipients, and a result is never escalated
        receipts = [self._archive.send(_read(self._read_blob, item, blob)) for blob in item.blobs]
        return "; ".join(receipts)


def _read(read_blob: ReadBlob, item: OutboxItem, name: str) -> bytes:
    try:
        return read_blob(item, name)
    except StorageError as error:
        raise DeliveryError("attachment-unreadable", error.code, permanent=True) from error
