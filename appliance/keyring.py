"""The content of the box's master key: two Tink keysets, and how one of them is renewed.

`wrapping` (AES-256-GCM) wraps the studies' keysets. It may hold several keys, of which the primary
wraps and every one unwraps: that is how it is rotated while the box works.

`indexing` (HMAC-SHA-256) makes the names by which the ledgers find a study again, and the case
codes that people were told. It is never rotated: those names stand in every row and in alerts that
have gone out, and the UIDs to make them anew from lie sealed. It protects no image: who has it can
tell whether a UID that he knows already is in a ledger, and no more.
"""

from __future__ import annotations

import base64
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import tink
from tink import aead, prf, secret_key_access
from tink.proto import tink_pb2

from appliance.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

aead.register()
prf.register()

_PARTS: Final = ("wrapping", "indexing")
_PREFIX: Final = slice(1, 5)
"""Where a ciphertext of Tink (output prefix TINK) names the key that made it, big-endian."""
_HAND_OVER: Final = b"osteon/next-key"
_LONGEST_WAY: Final = 1000


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Both keysets, as Tink serializes them: clear key material, for files that protect it."""

    wrapping: bytes
    indexing: bytes

    @classmethod
    def create(cls) -> KeyRing:
        """New keys for a new box."""
        templates = (aead.aead_key_templates.AES256_GCM, prf.prf_key_templates.HMAC_SHA256)
        return cls(*map(_serialized, map(tink.new_keyset_handle, templates)))

    @classmethod
    def parse(cls, content: bytes) -> KeyRing:
        """Read what `serialize` wrote. Raises StorageError("master-key-invalid")."""
        try:
            parts = json.loads(content)
            ring = cls(*(base64.b64decode(parts[name]) for name in _PARTS))
            ring.wrapping_handle(), ring.indexing_handle()
        except (ValueError, KeyError, TypeError, tink.TinkError) as error:
            raise StorageError("master-key-invalid") from error
        return ring

    def serialize(self) -> bytes:
        """The content of a key file or credential."""
        parts = {"wrapping": self.wrapping, "indexing": self.indexing}
        return json.dumps(
            {name: base64.b64encode(part).decode() for name, part in parts.items()}
        ).encode()

    def wrapping_handle(self) -> tink.KeysetHandle:
        """Tink's handle of the wrapping keyset."""
        return tink.proto_keyset_format.parse(self.wrapping, secret_key_access.TOKEN)

    def indexing_handle(self) -> tink.KeysetHandle:
        """Tink's handle of the indexing keyset."""
        return tink.proto_keyset_format.parse(self.indexing, secret_key_access.TOKEN)

    @property
    def primary(self) -> int:
        """The number of the key that wraps."""
        return int(_keys(self.wrapping).primary_key_id)

    @property
    def former(self) -> tuple[int, ...]:
        """The numbers of the keys that only unwrap any more; none without a rotation under way."""
        keys = _keys(self.wrapping)
        return tuple(key.key_id for key in keys.key if key.key_id != keys.primary_key_id)

    def with_new_primary(self) -> KeyRing:
        """The same with one key more, which wraps from now on."""
        keys = _keys(self.wrapping)
        new = _keys(_serialized(tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)))
        if new.primary_key_id in {key.key_id for key in keys.key}:
            return self.with_new_primary()
        keys.key.extend(new.key)
        keys.primary_key_id = new.primary_key_id
        return KeyRing(keys.SerializeToString(), self.indexing)

    def with_primary_alone(self) -> KeyRing:
        """The same without its former keys."""
        return self._only(self.primary)

    def _only(self, number: int) -> KeyRing:
        keys = _keys(self.wrapping)
        alone = tink_pb2.Keyset(
            primary_key_id=number, key=[key for key in keys.key if key.key_id == number]
        )
        return KeyRing(alone.SerializeToString(), self.indexing)

    # --- to units that run ------------------------------------------------------------------------

    def hand_over_from(self, former: int, following: KeyRing) -> bytes:
        """Another ring, for who holds only that former key of this one; for `taken_over`."""
        sealed: bytes = _aead(self._only(former)).encrypt(following.serialize(), _HAND_OVER)
        return sealed

    def taken_over(self, folder: Path) -> KeyRing:
        """The ring to which a folder leads from this one: each file is named by what opens it."""
        ring = self
        for _ in range(_LONGEST_WAY):
            following = ring._next_in(folder)
            if following is None:
                break
            ring = following
        return ring

    def _next_in(self, folder: Path) -> KeyRing | None:
        with suppress(OSError, tink.TinkError, StorageError):
            sealed = (folder / hand_over_name(self.primary)).read_bytes()
            found = KeyRing.parse(_aead(self).decrypt(sealed, _HAND_OVER))
            return found if found.primary != self.primary else None
        return None


def hand_over_name(key: int) -> str:
    """The name of the file that is opened by this key."""
    return f"{key:08x}"


def wrapped_by(wrapped: bytes) -> int:
    """The number of the key that wrapped a study's keyset."""
    return int.from_bytes(tink_pb2.EncryptedKeyset.FromString(wrapped).encrypted_keyset[_PREFIX])


def new_life() -> str:
    """A name for a new keyset."""
    return secrets.token_hex(8)


def _aead(ring: KeyRing) -> aead.Aead:
    return ring.wrapping_handle().primitive(aead.Aead)


def _keys(serialized: bytes) -> tink_pb2.Keyset:
    return tink_pb2.Keyset.FromString(serialized)


def _serialized(handle: tink.KeysetHandle) -> bytes:
    content: bytes = tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return content
