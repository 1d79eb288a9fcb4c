"""What a device signs holds for its key, its purpose and its bytes alone."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from appliance.errors import SignatureError
from appliance.signing import DeviceSigner, device_id, open_envelope, public_key

PURPOSE = "application/vnd.osteon.test+json"


def signer() -> DeviceSigner:
    return DeviceSigner(ec.generate_private_key(ec.SECP256R1()))


def code(content: bytes, device: DeviceSigner, purpose: str = PURPOSE, threshold: int = 1) -> str:
    with pytest.raises(SignatureError) as caught:
        open_envelope(content, [device.public_key], purpose, threshold)
    return caught.value.code


def test_a_signed_payload_comes_back() -> None:
    device = signer()
    signed = device.envelope(b"payload", PURPOSE)
    assert open_envelope(signed, [signer().public_key, device.public_key], PURPOSE) == b"payload"
    assert open_envelope(signed, [public_key(device.public_pem)], PURPOSE) == b"payload"


def test_every_other_key_purpose_or_byte_is_refused() -> None:
    device = signer()
    signed = device.envelope(b"payload", PURPOSE)
    assert code(signed, signer()) == "envelope-unsigned"
    assert code(signed, device, "application/vnd.osteon.other+json") == "envelope-invalid"
    for place in range(0, len(signed), 3):
        altered = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        try:
            opened = open_envelope(altered, [device.public_key], PURPOSE)
        except SignatureError:
            continue
        assert opened == b"payload"  # the byte was of no content, such as a bit of base64's padding


def test_one_key_twice_is_one_signature() -> None:
    device = signer()
    content = json.loads(device.envelope(b"payload", PURPOSE))
    content["signatures"] *= 2
    assert code(json.dumps(content).encode(), device, threshold=2) == "envelope-invalid"
    once = device.envelope(b"payload", PURPOSE)
    with pytest.raises(SignatureError, match="envelope-unsigned"):
        open_envelope(once, [device.public_key, device.public_key], PURPOSE, 2)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"payload": 1}', b"[" * 10_000])
def test_what_is_no_envelope_is_said_to_be_none(content: bytes) -> None:
    assert code(content, signer()) == "envelope-invalid"


def test_a_device_key_is_an_elliptic_curve_key() -> None:
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for pem in (b"", b"nonsense", other):
        with pytest.raises(SignatureError, match="device-key-invalid"):
            DeviceSigner.from_pem(pem)
    with pytest.raises(SignatureError, match="device-key-invalid"):
        public_key(b"nonsense")
    assert device_id(object()) == ""
