"""The certificate: what was wiped, how far, by whom; signed with the device's own key.

The fields follow the sample certificate of NIST SP 800-88 Rev. 1, Appendix G. That publication asks
more of an organisation than a box can do for it: conformance is not claimed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from pydantic import TypeAdapter, ValidationError

from appliance.errors import WipeError
from appliance.signing import DeviceSigner, open_envelope, public_key
from appliance.wipe.journal import Authority, Evidence, Intent, Phase, Record, Result
from appliance.wipe.plan import Medium, Outstanding, Reach, Undelivered, WipePlan

BASIS: Final = (
    "Fields after the sample certificate of NIST SP 800-88 Rev. 1, Appendix G; conformance with "
    "that publication is not claimed."
)
_CERTIFICATE_TYPE: Final = "application/vnd.osteon.wipe-certificate+json"
_STATEMENT_TYPE: Final = "application/vnd.osteon.wipe-statement+json"
_FORMAT: Final = 1


_DECISIVE: Final = (Phase.KEYS, Phase.VERIFICATION, Phase.IDENTITY)


class Status(StrEnum):
    """How far it came."""

    PURGE = "purge"
    CLEAR = "clear"
    FAILED = "FAILED: destroy the medium"

    @classmethod
    def of(cls, plan: WipePlan, records: Sequence[Record]) -> Self:
        """From the latest record of each phase; nothing counts that was not verified."""
        latest = {record.phase: record for record in records}
        verified = latest.get(Phase.VERIFICATION)
        # A key that was not overwritten may be read from the medium, though its name is gone.
        decisive = [latest[phase] for phase in _DECISIVE if phase in latest]
        failed = any(one.result is Result.FAILED for each in decisive for one in each.evidence)
        if verified is None or failed:
            return cls.FAILED
        erased = [medium_status(medium, records) for medium in plan.media]
        return cls.PURGE if erased and set(erased) == {cls.PURGE} else cls.CLEAR


@dataclass(frozen=True, slots=True)
class MediumLine:
    """One medium, as the sample certificate has it."""

    make: str
    model: str
    serial: str
    kind: str
    size: int
    sanitized: str
    """The disk, a partition of it, or the files on it."""
    status: Status
    method: str
    technique: str
    tool: str
    verification: str


@dataclass(frozen=True, slots=True)
class Step:
    """A phase as the certificate shows it. at: seconds since 1970; took: seconds."""

    phase: Phase
    at: float
    took: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """All that the certificate says."""

    format: int
    wipe_id: str
    status: Status
    site: str
    language: str
    device_id: str
    serial: str
    software: str
    public_key: str
    """PEM; its SHA-256 is the device id. Empty where the key did not open."""
    started_at: float
    issued_at: float
    authority: Authority
    undelivered: Undelivered
    media: tuple[MediumLine, ...]
    steps: tuple[Step, ...]
    not_verified: tuple[Evidence, ...]
    outstanding: tuple[Outstanding, ...]
    goes_after: tuple[str, ...]
    """What is destroyed only after this certificate was signed with it."""
    tools: tuple[str, ...]
    journal_digest: str
    basis: str = BASIS


_CERTIFICATE: Final = TypeAdapter(Certificate)
_INTENT: Final = TypeAdapter(Intent)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and the bytes that are handed out. `is_signed`: else they are bare JSON."""

    certificate: Certificate
    envelope: bytes
    is_signed: bool

    @property
    def digest(self) -> str:
        """SHA-256 of the file: what the page on paper is held against."""
        return hashlib.sha256(self.envelope).hexdigest()


def statement(intent: Intent, signer: DeviceSigner | None) -> bytes:
    """What will be destroyed and who wants it, signed before anything is."""
    payload = _INTENT.dump_json(intent, indent=2)
    return payload if signer is None else signer.envelope(payload, _STATEMENT_TYPE)


def issue(
    intent: Intent,
    records: Sequence[Record],
    now: float,
    signer: DeviceSigner | None,
    evidence: Mapping[str, str],
) -> Issued:
    """Make and sign the certificate. evidence: `journal_digest`, and the version of each tool."""
    plan = intent.plan
    latest = {record.phase: record for record in records}
    tools = {name: version for name, version in evidence.items() if name != "journal_digest"}
    verified = latest[Phase.VERIFICATION].evidence if Phase.VERIFICATION in latest else ()
    made = Certificate(
        format=_FORMAT,
        wipe_id=intent.wipe_id,
        status=Status.of(plan, records),
        site=plan.site,
        language=plan.language,
        device_id=plan.device_id,
        serial=plan.serial,
        software=plan.software,
        public_key="" if signer is None else signer.public_pem.decode(),
        started_at=intent.started_at,
        issued_at=now,
        authority=intent.authority,
        undelivered=plan.undelivered,
        media=tuple(_line(medium, records, verified, tools) for medium in plan.media),
        steps=tuple(Step(each.phase, each.at, each.took, each.evidence) for each in records),
        not_verified=tuple(one for one in verified if one.result is Result.NOT_POSSIBLE),
        outstanding=plan.outstanding,
        goes_after=_goes_after(plan),
        tools=tuple(tools.values()),
        journal_digest=evidence.get("journal_digest", ""),
    )
    payload = _CERTIFICATE.dump_json(made, indent=2)
    envelope = payload if signer is None else signer.envelope(payload, _CERTIFICATE_TYPE)
    return Issued(made, envelope, signer is not None)


def open_certificate(content: bytes, key_pem: bytes) -> Certificate:
    """A certificate that the device with this public key has signed.

    Raises:
        SignatureError: `envelope-invalid`, `envelope-unsigned`, `device-key-invalid`.
        WipeError: `wipe-certificate-invalid`.
    """
    payload = open_envelope(content, [public_key(key_pem)], _CERTIFICATE_TYPE)
    try:
        return _CERTIFICATE.validate_json(payload)
    except ValidationError as error:
        raise WipeError("wipe-certificate-invalid", f"{error.error_count()} faults") from None


def claimed_key(envelope_payload: bytes) -> bytes:
    """The public key that a certificate brings along; who it belongs to is for others to say.

    Raises WipeError: `wipe-certificate-invalid`.
    """
    try:
        return _CERTIFICATE.validate_json(envelope_payload).public_key.encode()
    except ValidationError as error:
        raise WipeError("wipe-certificate-invalid", f"{error.error_count()} faults") from None


def medium_status(medium: Medium, records: Sequence[Record]) -> Status:
    """How far one medium came; files on a medium that stays are cleared at best."""
    verified = _latest(records, Phase.VERIFICATION)
    about = f"{medium.target} holds nothing of before"
    if medium.target:
        proven = any(one.what == about and one.result is Result.DONE for one in verified)
        erased = _erase_of(medium, _latest(records, Phase.MEDIA))
        if not proven or erased is None:
            return Status.FAILED
        return Status.PURGE if erased.reach is Reach.PURGE else Status.CLEAR
    failed = any(one.result is Result.FAILED for one in verified)
    return Status.FAILED if failed or not verified else Status.CLEAR


def _line(
    medium: Medium,
    records: Sequence[Record],
    verified: Iterable[Evidence],
    tools: Mapping[str, str],
) -> MediumLine:
    erased = _erase_of(medium, _latest(records, Phase.MEDIA))
    about = f"{medium.target} holds nothing of before"
    technique = erased.what.partition(": ")[2] if erased else ""
    return MediumLine(
        make=medium.make,
        model=medium.model,
        serial=medium.serial,
        kind=medium.kind,
        size=medium.size,
        sanitized=medium.target or "files",
        status=medium_status(medium, records),
        method=erased.method if erased else "overwrite" if not medium.target else "",
        technique=technique
        or ("keys and ledgers overwritten, sealed files deleted" if not medium.target else ""),
        tool=tools.get(tool_of(technique), "osteon"),
        verification=next((one.detail for one in verified if one.what == about), ""),
    )


def tool_of(technique: str) -> str:
    """The program behind a technique of `appliance.wipe.media`."""
    first = technique.partition(" ")[0]
    return "hdparm" if first == "ATA" else first


def _erase_of(medium: Medium, evidence: Iterable[Evidence]) -> Evidence | None:
    """The technique that did it."""
    head = f"erase {medium.target}: "
    done = (one for one in evidence if one.what.startswith(head) and one.result is Result.DONE)
    return next(done, None)


def _latest(records: Sequence[Record], phase: Phase) -> tuple[Evidence, ...]:
    found: tuple[Evidence, ...] = ()
    for record in records:
        found = record.evidence if record.phase is phase else found
    return found


def _goes_after(plan: WipePlan) -> tuple[str, ...]:
    tpm = ("what the TPM holds",) if plan.clears_tpm else ()
    return ("the device's private key", *(key.what for key in plan.last_keys), *tpm)
