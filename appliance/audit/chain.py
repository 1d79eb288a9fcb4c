"""The chain itself, pure: each line holds the hash of the one before, and seals are signed.

A line is one JSON object in one spelling, a blank, and its SHA-256: no byte is without meaning. A
seal is a line like any other that also holds a signature (DSSE, the device's key) over itself, and
so over all that it follows. What stands after the last seal is chained, and not yet signed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from securesystemslib.signer import Key

from appliance.audit.events import AuditEvent, AuditKind
from appliance.errors import SignatureError
from appliance.signing import open_envelope

SEAL_TYPE: Final = "application/vnd.osteon.audit-seal+json"
_KEYS: Final = ("n", "at", "kind", "actor", "subject", "detail", "ok", "prev")
_SEAL: Final = "seal"
_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")


class Signs(Protocol):
    """What `appliance.signing.DeviceSigner` does."""

    def envelope(self, payload: bytes, payload_type: str) -> bytes:
        """A signed envelope."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many lines, and the hash of the last (hexadecimal)."""

    count: int
    digest: str


START: Final = Head(0, "0" * 64)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as it was read. `at`: ISO 8601, UTC."""

    number: int
    at: str
    kind: str
    actor: str
    subject: str
    detail: str
    is_success: bool
    head: Head
    """The chain's end with this line."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the whole chain found. `fault`: empty where nothing is wrong.

    sealed: how many lines the last signature covers; the others are chained only.
    """

    count: int
    sealed: int
    fault: str
    head: Head

    @property
    def is_whole(self) -> bool:
        """Whether nothing was altered, dropped or put in another order."""
        return not self.fault


def line_of(head: Head, event: AuditEvent, now: float) -> tuple[bytes, Head]:
    """The next line, without its newline, and the chain's new end. now: seconds since 1970, UTC."""
    return _line(_content(head, event, now))


def seal_of(head: Head, actor: str, now: float, signer: Signs) -> tuple[bytes, Head]:
    """A line that signs all that stands before it."""
    content = _content(head, AuditEvent(AuditKind.SEALED, actor), now)
    content[_SEAL] = json.loads(signer.envelope(_spelt(content), SEAL_TYPE))
    return _line(content)


def read_line(line: bytes, before: Head) -> Entry:
    """One line, held against the chain before it. Raises ValueError that says what is off."""
    text, _, digest = line.rpartition(b" ")
    if hashlib.sha256(text).hexdigest().encode() != digest:
        raise ValueError("it was altered")
    try:
        content = json.loads(text)
        is_ours = tuple(content)[: len(_KEYS)] == _KEYS and set(content) <= {*_KEYS, _SEAL}
        is_spelt = _spelt(content) == text
    except (ValueError, TypeError, RecursionError):
        raise ValueError("it is not an entry") from None
    if not is_ours or not is_spelt:
        raise ValueError("it is not spelt as this box spells it")
    if content["n"] != before.count + 1 or content["prev"] != before.digest:
        raise ValueError("it does not follow the line before it")
    return Entry(
        number=content["n"],
        at=content["at"],
        kind=content["kind"],
        actor=content["actor"],
        subject=content["subject"],
        detail=content["detail"],
        is_success=content["ok"],
        head=Head(content["n"], digest.decode()),
    )


def behind(line: bytes, before: Head) -> Head:
    """The chain's end behind a line that does not hold, so that what follows it is still read.

    Where its text was altered, the digest that it ends with is what the next line follows.
    """
    text, _, digest = line.rpartition(b" ")
    if not _DIGEST.fullmatch(digest):
        digest = hashlib.sha256(text).hexdigest().encode()
    return Head(before.count + 1, digest.decode())


def verify(lines: Iterable[bytes], keys: Iterable[Key], witness: Head | None = None) -> Verdict:
    """Check every line and every seal.

    witness: an end of this chain that somebody else wrote down: a chain that was cut behind its
    last seal, or made anew by who holds the key, does not hold it.
    """
    known = tuple(keys)
    head, sealed, fault = START, 0, ""
    has_met = witness is None or witness == START
    for number, line in enumerate(lines, start=1):
        try:
            entry = read_line(line, head)
            if entry.kind == AuditKind.SEALED.value:
                _check_seal(line, known)
                sealed = entry.number
        except ValueError as error:
            fault = f"line {number}: {error}"
            break
        head = entry.head
        has_met = has_met or head == witness
    if not fault and not has_met and witness is not None:
        fault = f"line {witness.count} is not the one that was witnessed: lines were dropped"
    return Verdict(head.count, sealed, fault, head)


def _check_seal(line: bytes, keys: tuple[Key, ...]) -> None:
    content = json.loads(line.rpartition(b" ")[0])
    envelope = json.dumps(content.pop(_SEAL, None)).encode()
    try:
        signed = open_envelope(envelope, keys, SEAL_TYPE)
    except SignatureError:
        raise ValueError("its signature is not this device's") from None
    if signed != _spelt(content):
        raise ValueError("it signs another chain")


def _content(head: Head, event: AuditEvent, now: float) -> dict[str, Any]:
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    values = (
        *(head.count + 1, at, event.kind.value),
        *(event.actor, event.subject, event.detail, event.is_success, head.digest),
    )
    return dict(zip(_KEYS, values, strict=True))


def _line(content: dict[str, Any]) -> tuple[bytes, Head]:
    text = _spelt(content)
    digest = hashlib.sha256(text).hexdigest()
    return text + b" " + digest.encode(), Head(content["n"], digest)


def _spelt(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=True).encode()
