"""Storing result objects in a PACS: a C-STORE SCU whose only proof is the status of each instance.

One association for one object: results are few, and an object that a PACS chokes on must not keep
another one from it. Sources: DICOM PS3.4 B.2.3 (statuses), PS3.7 C, PS3.8.
"""

from __future__ import annotations

import io
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import build_context

from appliance.errors import DeliveryError
from appliance.pipeline.deliver.requestor import Requestor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pydicom.dataset import FileDataset
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

    from appliance.pipeline.deliver.requestor import Connection

_VERIFICATION: Final = "1.2.840.10008.1.1"
_SUCCESS: Final = 0x0000
_DUPLICATE: Final = 0x0111
_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116})
_CLASS_NOT_SUPPORTED: Final = 0x0122


@dataclass(frozen=True, slots=True)
class PacsPeer:
    """A PACS as the site YAML names it.

    ca_file: PEM file with the authority of its certificate; None: those of the system.
    """

    ae_title: str
    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a peer, in seconds."""

    connect_s: float = 10.0
    negotiate_s: float = 15.0
    answer_s: float = 60.0


class Pacs:
    """One PACS of the site."""

    def __init__(self, peer: PacsPeer, own_ae_title: str, patience: Patience | None = None) -> None:
        self._peer = peer
        self._own_ae_title = own_ae_title
        self._patience = patience or Patience()

    def send(self, part10: bytes) -> str:
        """Store one object (a Part 10 file) and return the receipt: the status that proves it.

        Raises DeliveryError: `pacs-host-unknown`, `pacs-unreachable`, `pacs-certificate`,
        `pacs-tls-failed`, `pacs-refuses-association`, `pacs-aborted`, `pacs-no-answer`,
        `pacs-out-of-resources` and `pacs-cannot-process` are worth another try;
        `pacs-refuses-class`, `pacs-refuses-object` and `ca-file-unusable` are not.
        """
        dataset = dcmread(io.BytesIO(part10))
        # A context for each syntax: the PACS may take either, and both are what it must know.
        association = self._associate(
            build_context(dataset.SOPClassUID, syntax)
            for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
        )
        try:
            status = self._store(association, dataset)
        finally:
            if association.is_established:
                association.release()
        return receipt(status)

    def verify(self, sop_classes: Sequence[str]) -> tuple[str, ...]:
        """C-ECHO, and ask which of these SOP classes the PACS takes; nothing is stored.

        Returns those that it does not take. Raises DeliveryError as `send` does.
        """
        wanted = (_VERIFICATION, *sop_classes)
        association = self._associate(build_context(each) for each in wanted)
        accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
        try:
            # One that does not know the echo has answered all the same, by taking the association.
            if _VERIFICATION in accepted:
                _check_echo(association)
        finally:
            if association.is_established:
                association.release()
        return tuple(each for each in sop_classes if each not in accepted)

    def _associate(self, contexts: Iterable[PresentationContext]) -> Association:
        entity = Requestor(ae_title=self._own_ae_title)
        entity.connection_timeout = self._patience.connect_s
        entity.acse_timeout = self._patience.negotiate_s
        entity.dimse_timeout = self._patience.answer_s
        entity.network_timeout = self._patience.answer_s
        association = entity.associate(
            self._peer.host,
            self._peer.port,
            contexts=[*contexts],
            ae_title=self._peer.ae_title,
            tls_args=self._tls(),
        )
        if not association.is_established:
            raise _not_established(association, entity.connection)
        return association

    def _store(self, association: Association, dataset: FileDataset) -> int:
        if not association.accepted_contexts:
            raise DeliveryError("pacs-refuses-class", permanent=True)
        try:
            answer = association.send_c_store(dataset)
        except RuntimeError as error:
            # The association was lost between negotiation and the request.
            raise DeliveryError("pacs-aborted") from error
        if "Status" not in answer:
            raise DeliveryError("pacs-no-answer")
        return int(answer.Status)

    def _tls(self) -> tuple[ssl.SSLContext, str] | None:
        if not self._peer.tls:
            return None
        ca_file = self._peer.ca_file
        try:
            context = ssl.create_default_context(cafile=ca_file and str(ca_file))
        except OSError as error:
            raise DeliveryError("ca-file-unusable", permanent=True) from error
        return context, self._peer.host


def _check_echo(association: Association) -> None:
    try:
        answer = association.send_c_echo()
    except RuntimeError as error:
        raise DeliveryError("pacs-aborted") from error
    if "Status" not in answer:
        raise DeliveryError("pacs-no-answer")
    if answer.Status != _SUCCESS:
        raise DeliveryError("pacs-cannot-process", f"0x{answer.Status:04X}")


def receipt(status: int) -> str:
    """What a C-STORE status means: the receipt when the PACS has the object.

    A duplicate is stored: our UIDs are derived from the study, so it is this very object that the
    PACS has from an earlier try. Raises DeliveryError when the PACS does not have it.
    """
    shown = f"0x{status:04X}"
    if status == _SUCCESS:
        return f"stored, {shown}"
    if status == _DUPLICATE:
        return f"stored before, {shown}"
    if status in _WARNINGS or status >> 12 == 0xB:  # noqa: PLR2004 - the class of warnings
        return f"stored with a warning, {shown}"
    if status == _CLASS_NOT_SUPPORTED:
        raise DeliveryError("pacs-refuses-class", shown, permanent=True)
    if status >> 8 == 0xA7:  # noqa: PLR2004 - out of resources
        raise DeliveryError("pacs-out-of-resources", shown)
    if status >> 8 == 0xA9:  # noqa: PLR2004 - data set does not match SOP class
        raise DeliveryError("pacs-refuses-object", shown, permanent=True)
    # 0xCxxx should mean that the object cannot be understood, but is what many a PACS answers when
    # its own database is away for a while: worth another try.
    raise DeliveryError("pacs-cannot-process", shown)


def _not_established(association: Association, connection: Connection | None) -> DeliveryError:
    if connection is not None and connection.failure is not None:
        return _not_connected(connection.failure)
    if association.is_rejected:
        answer: Any = association.acceptor.primitive
        figures = f"{answer.result}/{answer.result_source}/{answer.diagnostic}"
        return DeliveryError("pacs-refuses-association", figures)
    if association.rejected_contexts and not association.accepted_contexts:
        return DeliveryError("pacs-refuses-class", permanent=True)
    return DeliveryError("pacs-aborted")


def _not_connected(failure: OSError) -> DeliveryError:
    match failure:
        case socket.gaierror():
            return DeliveryError("pacs-host-unknown")
        case ssl.SSLCertVerificationError():
            return DeliveryError("pacs-certificate", str(failure.verify_code))
        case ssl.SSLError():
            return DeliveryError("pacs-tls-failed")
        case _:
            return DeliveryError("pacs-unreachable")
