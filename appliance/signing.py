"""What this box says over its own name: DSSE envelopes, signed with the device's key.

Formats and keys are securesystemslib's (https://github.com/secure-systems-lab/dsse): the payload's
type is signed too, so that a status cannot be passed off as a certificate of destruction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from appliance.errors import SignatureError


class DeviceSigner:
    """The device's private key, opened: it signs and is never shown."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._signer = CryptoSigner(key)
        self.device_id = device_id(key.public_key())
        """See `appliance.provision.identity`: SHA-256 of the public key, hexadecimal."""

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """From a PKCS #8 file, such as systemd's credential `device-key`.

        Raises:
            SignatureError: `device-key-invalid`.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise SignatureError("device-key-invalid", type(error).__name__) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SignatureError("device-key-invalid", "not an elliptic-curve key")
        return cls(key)

    @property
    def public_key(self) -> Key:
        """What verifies this device's envelopes."""
        return self._signer.public_key

    @property
    def public_pem(self) -> bytes:
        """The same as PEM (SubjectPublicKeyInfo), to hand out."""
        return str(self._signer.public_key.keyval["public"]).encode()

    def envelope(self, payload: bytes, payload_type: str) -> bytes:
        """A DSSE envelope (JSON) over a payload; `payload_type` says what it is."""
        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._signer)
        return json.dumps(envelope.to_dict(), sort_keys=True).encode()


def open_envelope(
    content: bytes, keys: Iterable[Key], payload_type: str, threshold: int = 1
) -> bytes:
    """The payload of an envelope that enough of these keys have signed.

    Raises:
        SignatureError: `envelope-invalid`, no envelope or one of another type;
            `envelope-unsigned`, not signed by enough of the keys.
    """
    try:
        envelope = Envelope.from_dict(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignatureError("envelope-invalid", type(error).__name__) from None
    if envelope.payload_type != payload_type:
        raise SignatureError("envelope-invalid", "signed for another purpose")
    try:
        envelope.verify(list(keys), threshold)
    except (VerificationError, ValueError):
        raise SignatureError("envelope-unsigned") from None
    return bytes(envelope.payload)


def public_key(pem: bytes) -> Key:
    """A public key from PEM (SubjectPublicKeyInfo). Raises SignatureError: `device-key-invalid`."""
    try:
        return SSlibKey.from_crypto(serialization.load_pem_public_key(pem))
    except ValueError:
        raise SignatureError("device-key-invalid", "no public key") from None


def device_id(public: object) -> str:
    """SHA-256 of an elliptic-curve public key (DER, SubjectPublicKeyInfo); else empty."""
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return ""
    return hashlib.sha256(
        public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).hexdigest()
