"""Where one object's data set streams to: a sealed blob that holds a complete Part 10 file.

The first bytes wait in memory until they tell which object it is; from then on nothing is kept.
A fault of the object is remembered and answered at its end, when the peer listens again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom.dsutils import create_file_meta

from appliance.errors import OsteonError, ReceiveError, StorageError
from appliance.ledger.intake import Arrival, Filing
from appliance.pipeline.receive.header import Identity, is_uid, read_identity
from appliance.pipeline.receive.negotiation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION

if TYPE_CHECKING:
    from appliance.clock import Clock
    from appliance.domain import StudyKey
    from appliance.pipeline.receive.commands import Request
    from appliance.pipeline.receive.committer import Committer
    from appliance.pipeline.receive.evidence import AssociationEvidence
    from appliance.pipeline.receive.keysets import Keysets, OpenKeyset
    from appliance.sealing import MasterKey
    from appliance.storage import BlobStore, PendingBlob

_PREAMBLE: Final = bytes(128) + b"DICM"
_SEALED_AT_ONCE: Final = 1 << 18
"""Bytes gathered for one call into the sealing library, which is slow to enter."""


@dataclass(frozen=True, slots=True)
class Spool:
    """All that is needed to bring an object to rest."""

    store: BlobStore
    master: MasterKey
    keysets: Keysets
    committer: Committer
    clock: Clock
    free_bytes: Callable[[], int]
    reserved_bytes: int


class ObjectSink:
    """Takes the data set of one C-STORE, then either files it or leaves nothing behind."""

    def __init__(self, spool: Spool, request: Request, transfer_syntax: str) -> None:
        self._spool = spool
        self._request = request
        self._transfer_syntax = transfer_syntax
        self._sha256 = hashlib.sha256()
        self._buffer = bytearray()
        self._next_look = 0
        self._filed: _Filed | None = None
        self._borrowed: StudyKey | None = None
        self._fault: OsteonError | None = None
        self.size = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes. Never fails: a fault is kept for `finish`."""
        self.size += len(data)
        if self._fault is not None:
            return
        self._sha256.update(data)
        self._buffer += data
        try:
            if self._filed is None:
                self._identify(complete=False)
            elif len(self._buffer) >= _SEALED_AT_ONCE:
                self._filed.stream.write(bytes(self._buffer))
                self._buffer.clear()
        except OsteonError as error:
            self._fail(error)

    def finish(self, evidence: AssociationEvidence) -> Filing:
        """The data set is whole: bring bytes and ledger row to the medium.

        Raises:
            ReceiveError: `object-not-understood`, `object-mismatch`: the object's fault.
            StorageError: ours.
        """
        if self._fault is None and self._filed is None:
            try:
                self._identify(complete=True)
            except OsteonError as error:
                self._fail(error)
        if self._fault is not None:
            raise self._fault
        assert self._filed is not None  # noqa: S101 - `_identify` of a complete object files it
        filed = self._filed
        try:
            return self._rest(filed, evidence)
        except StorageError as error:
            self._spool.committer.note(error)
            self._spool.keysets.forget(filed.study)
            raise
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing on the disk of an object that was not filed, and give its keyset back."""
        if self._filed is not None:
            with suppress(StorageError):
                self._filed.stream.close()
            self._filed.blob.discard()
        self._filed = None
        self._buffer.clear()
        if self._borrowed is not None:
            self._spool.keysets.give_back(self._borrowed)
        self._borrowed = None

    def _fail(self, error: OsteonError) -> None:
        self._fault = error
        if isinstance(error, StorageError):
            self._spool.committer.note(error)
        self.discard()

    def _identify(self, *, complete: bool) -> None:
        # Looking again only when twice as much has come keeps the work linear.
        if len(self._buffer) < self._next_look and not complete:
            return
        self._next_look = 2 * len(self._buffer)
        identity = read_identity(bytes(self._buffer), self._transfer_syntax, complete=complete)
        if identity is None:
            return
        named = (self._request.sop_class_uid, self._request.sop_instance_uid)
        if not all(map(is_uid, named)):
            raise ReceiveError("object-not-understood", "command uid invalid")
        if named != (identity.sop_class_uid, identity.sop_instance_uid):
            raise ReceiveError("object-mismatch")
        self._open(identity)

    def _open(self, identity: Identity) -> None:
        spool = self._spool
        spool.committer.refuse_after_failure()
        if spool.free_bytes() < spool.reserved_bytes + len(self._buffer):
            raise StorageError("disk-full", "reserve")
        study = spool.master.study_key(identity.study_uid)
        keyset = spool.keysets.borrow(study)
        self._borrowed = study
        blob = spool.store.create()
        # Held before anything is written, so that a failure to write is cleaned up.
        self._filed = _Filed(identity, study, keyset, blob, keyset.seal.writer(blob.file))
        self._filed.stream.write(_file_head(identity, self._transfer_syntax))

    def _rest(self, filed: _Filed, evidence: AssociationEvidence) -> Filing:
        spool = self._spool
        filed.stream.write(bytes(self._buffer))
        self._buffer.clear()
        filed.stream.close()
        name = filed.blob.commit()
        self._filed = None
        arrival = Arrival(
            blob=name,
            study=filed.study,
            keyset=filed.keyset.stored,
            series=spool.master.series_key(filed.identity.series_uid),
            instance=spool.master.instance_key(filed.identity.sop_instance_uid),
            digest=spool.master.digest(self._sha256.digest()),
            sop_class_uid=filed.identity.sop_class_uid,
            transfer_syntax_uid=self._transfer_syntax,
            size=self.size,
            received_at=spool.clock.now(),
        )
        try:
            filing = evidence.file(arrival)
        except StorageError:
            with suppress(OSError):
                spool.store.delete(name)
            raise
        if filing is Filing.IDENTICAL:
            spool.store.delete(name)
        return filing


@dataclass(frozen=True, slots=True)
class _Filed:
    """An object that is known, and the sealed stream that it goes to."""

    identity: Identity
    study: StudyKey
    keyset: OpenKeyset
    blob: PendingBlob
    stream: BinaryIO


def _file_head(identity: Identity, transfer_syntax: str) -> bytes:
    """Preamble and file meta information (PS3.10 7.1); the data set follows as received."""
    meta = create_file_meta(
        sop_class_uid=UID(identity.sop_class_uid),
        sop_instance_uid=UID(identity.sop_instance_uid),
        transfer_syntax=UID(transfer_syntax),
        implementation_uid=UID(IMPLEMENTATION_CLASS_UID),
        implementation_version=IMPLEMENTATION_VERSION,
    )
    head = DicomBytesIO()
    head.write(_PREAMBLE)
    write_file_meta_info(head, meta, enforce_standard=True)
    return head.getvalue()
