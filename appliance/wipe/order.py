"""An order to wipe from afar: a DSSE envelope of somebody whose key this box knows.

It names one device, ends at a time and is good for one attempt; no serial number is typed.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError
from securesystemslib.signer import Key

from appliance.errors import WipeError
from appliance.signing import DeviceSigner, open_envelope, public_key

SIGNERS: Final = Path("/etc/osteon/wipe-signers")
"""Public keys, PEM, one after another: who may order."""
_TYPE: Final = "application/vnd.osteon.wipe-order+json"
_PEM: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n?", re.DOTALL)
_MOST_BYTES: Final = 64 * 1024
_LONGEST_SECONDS: Final = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is ordered. `not_after`: seconds since 1970, UTC."""

    device_id: str
    nonce: str
    not_after: float
    operator: str
    title: str = ""
    organisation: str = ""
    media_destination: str = ""
    overridden_by: str = ""
    """Who orders it although alerts are undelivered."""


_ADAPTER: Final = TypeAdapter(Order)


def new_nonce() -> str:
    """128 random bits."""
    return secrets.token_hex(16)


def sign(order: Order, signer: DeviceSigner) -> bytes:
    """The order as a file for the box; `signer`: with the key of who orders."""
    return signer.envelope(_ADAPTER.dump_json(order), _TYPE)


def enrolled(place: Path) -> tuple[Key, ...]:
    """The keys that may order.

    Raises:
        WipeError: `wipe-signers-missing`.
        SignatureError: `device-key-invalid`.
    """
    try:
        found = _PEM.findall(place.read_bytes())
    except OSError:
        found = []
    if not found:
        raise WipeError("wipe-signers-missing", str(place))
    return tuple(public_key(pem) for pem in found)


def read_order(place: Path, keys: tuple[Key, ...]) -> Order:
    """An order that one of the keys has signed.

    Raises:
        WipeError: `wipe-order-invalid`.
        SignatureError: `envelope-invalid`, `envelope-unsigned`.
    """
    try:
        with place.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError as error:
        raise WipeError("wipe-order-invalid", str(error.strerror)) from error
    try:
        return _ADAPTER.validate_json(open_envelope(content, keys, _TYPE))
    except ValidationError as error:
        raise WipeError("wipe-order-invalid", f"{error.error_count()} faults") from None


def check(order: Order, device_id: str, now: float) -> None:
    """Whether an order is one for this box and for now.

    Raises:
        WipeError: `wipe-order-other-device`, `wipe-order-expired`, `wipe-order-invalid`.
    """
    if order.device_id != device_id:
        raise WipeError("wipe-order-other-device")
    if not order.nonce or not order.operator.strip():
        raise WipeError("wipe-order-invalid", "no nonce or no name")
    # One that is good for years is a key that somebody finds.
    if not now < order.not_after <= now + _LONGEST_SECONDS:
        raise WipeError("wipe-order-expired")
