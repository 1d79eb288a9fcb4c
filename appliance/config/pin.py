"""The PIN of the technician's menu: its hash, and whether somebody typed it.

Argon2id (RFC 9106) as a PHC string, made and verified by `cryptography`. A PIN is short, so the
hash only makes guessing slow for who has the file; at the box `appliance.screen.attempts` does.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from appliance.errors import UsageError

FEWEST: Final = 6
MOST: Final = 12
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 4
"""The second recommended choice of RFC 9106, section 4."""


def hash_of(pin: str) -> str:
    """A PHC string with a salt of its own, for the site YAML.

    Raises:
        UsageError: `pin-unfit`.
    """
    if not (FEWEST <= len(pin) <= MOST and pin.isascii() and pin.isdecimal()):
        raise UsageError("pin-unfit")
    if len(set(pin)) == 1 or pin in "0123456789" or pin in "9876543210":
        raise UsageError("pin-unfit")
    function = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_PASSES,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return function.derive_phc_encoded(pin.encode())


def is_pin(typed: str, pin_hash: str) -> bool:
    """Whether that is the PIN. Takes some tenths of a second. pin_hash: as the schema takes it."""
    try:
        Argon2id.verify_phc_encoded(typed.encode(), pin_hash)
    except InvalidKey:
        return False
    return True
