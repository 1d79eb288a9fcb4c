"""The device's identity: a key pair made on the box, and the request for a certificate for it.

The private key never leaves the box. The device id is the SHA-256 of the public key (DER,
SubjectPublicKeyInfo, RFC 5280 4.1.2.7): nobody gives it out, and two boxes never share one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.errors import SignatureError, StorageError
from appliance.provision.fingerprint import fingerprint
from appliance.provision.keyseal import KeySeal, Protection, seal_strongest
from appliance.signing import DeviceSigner, device_id
from appliance.storage import locked, make_folder, storage_error, write_durably

RECORD: Final = "identity.json"
_REQUEST: Final = "device.csr"
_KEY_FILES: Final[Mapping[Protection, str]] = {
    Protection.TPM2: "device.key",
    Protection.HOST_KEY: "device.key",
    Protection.FILE: "device-key.pem",
}
"""Sealed and in clear have names of their own: a unit says beforehand which it takes."""
_FORMAT: Final = 1
_NAME_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who this box is. `request`: the certificate request (PKCS #10) as PEM."""

    device_id: str
    protection: Protection
    request: bytes
    made_at: str
    """ISO 8601, UTC, by the clock of that moment."""

    @property
    def request_fingerprint(self) -> str:
        """SHA-256 of the request's DER, to compare with what reached the certificate authority."""
        request = x509.load_pem_x509_csr(self.request)
        return fingerprint(request.public_bytes(serialization.Encoding.DER))


def _nothing_else(_signer: DeviceSigner) -> None:
    """Nothing is tied to the identity."""


def ensure_identity(
    folder: Path,
    ways: Sequence[KeySeal],
    now: float,
    with_it: Callable[[DeviceSigner], None] = _nothing_else,
) -> tuple[DeviceIdentity, bool]:
    """The identity in a folder, made where there is none; whether it was made now.

    The record is written last: what a power cut left without one is made anew.

    Args:
        folder: private to root.
        ways: how the key may be kept, strongest first.
        now: seconds since 1970, UTC.
        with_it: what a box does once in the life of its identity; called before the record is
            written, and so never again for this identity. Raises nothing.

    Raises:
        StorageError: `identity-broken`; `disk-full`, `storage-failed`.
    """
    try:
        make_folder(folder)
        with locked(folder):  # two first boots at once would each leave half of an identity
            known = read_identity(folder)
            if known is not None:
                _opened(known, folder, ways)
                return known, False
            return _make(folder, ways, now, with_it), True
    except OSError as error:
        raise storage_error(error) from error


def read_identity(folder: Path) -> DeviceIdentity | None:
    """The identity in a folder; None where no first boot has made one. Opens no key.

    Raises:
        StorageError: `identity-broken`, what lies there does not fit together.
    """
    try:
        record = json.loads((folder / RECORD).read_bytes())
        known = DeviceIdentity(
            device_id=record["device_id"],
            protection=Protection(record["protection"]),
            request=(folder / _REQUEST).read_bytes(),
            made_at=record["made_at"],
        )
        request = x509.load_pem_x509_csr(known.request)
    except FileNotFoundError:
        if (folder / RECORD).exists():
            raise StorageError("identity-broken", "a file is missing") from None
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("identity-broken", type(error).__name__) from error
    except OSError as error:
        raise storage_error(error) from error
    if record.get("format") != _FORMAT or device_id(request.public_key()) != known.device_id:
        raise StorageError("identity-broken", "the request is of another key")
    return known


def read_device_id(record: Path) -> str:
    """The device id in a copy of the record, for who may not read the folder; empty: none yet.

    Raises:
        StorageError: `identity-broken`; `storage-failed`.
    """
    try:
        content = record.read_bytes()
        return str(json.loads(content)["device_id"]) if content.strip() else ""
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("identity-broken", type(error).__name__) from error
    except OSError as error:
        raise storage_error(error) from error


def open_signer(folder: Path, ways: Sequence[KeySeal]) -> DeviceSigner:
    """The device's key, opened to sign; for root only.

    Raises:
        SignatureError: `device-key-missing`, no first boot has made an identity.
        StorageError: `identity-broken`; `storage-failed`.
    """
    known = read_identity(folder)
    if known is None:
        raise SignatureError("device-key-missing")
    return _opened(known, folder, ways)


def _make(
    folder: Path, ways: Sequence[KeySeal], now: float, with_it: Callable[[DeviceSigner], None]
) -> DeviceIdentity:
    key = ec.generate_private_key(ec.SECP256R1())
    protection, sealed = seal_strongest(_pem(key), ways)
    made = DeviceIdentity(
        device_id=device_id(key.public_key()),
        protection=protection,
        request=_request(key),
        made_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
    )
    for name in _KEY_FILES.values():  # what a power cut left of an earlier one
        (folder / name).unlink(missing_ok=True)
    write_durably(folder / _KEY_FILES[protection], sealed)
    write_durably(folder / _REQUEST, made.request)
    with_it(DeviceSigner(key))
    record = {
        "format": _FORMAT,
        "device_id": made.device_id,
        "protection": made.protection,
        "made_at": made.made_at,
    }
    write_durably(folder / RECORD, json.dumps(record, indent=2).encode() + b"\n")
    return made


def _request(key: ec.EllipticCurvePrivateKey) -> bytes:
    identifier = device_id(key.public_key())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"osteon-{identifier[:_NAME_DIGITS]}"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, identifier),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(usage, critical=True)
        .add_extension(both, critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _opened(known: DeviceIdentity, folder: Path, ways: Sequence[KeySeal]) -> DeviceSigner:
    """The sealed key must open on this machine, and be the one of the record."""
    try:
        sealed = (folder / _KEY_FILES[known.protection]).read_bytes()
        way = next(way for way in ways if way.protection is known.protection)
        signer = DeviceSigner.from_pem(way.open(sealed) or b"")
    except (OSError, SignatureError, StopIteration) as error:
        raise StorageError("identity-broken", "the key does not open here") from error
    if signer.device_id != known.device_id:
        raise StorageError("identity-broken", "the key is another one")
    return signer
