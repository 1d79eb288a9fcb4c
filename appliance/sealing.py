"""Sealing of patient data: Tink's streaming AEAD, a keyset for each study, one master key.

Everything that can name a patient is encrypted before it reaches a file or a ledger row. Each
study has a keyset of its own, kept wrapped by the master key: destroying the wrapped keyset
destroys the study. UIDs become keyed HMACs (a PRF keyset beside the master key), so that a ledger
can find a study again and yet tells nothing to who has only the ledger.

Formats and key handling are Tink's (https://developers.google.com/tink); none is our own.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import tink
from tink import aead, prf, streaming_aead

from appliance.domain import CaseCode, InstanceKey, SeriesKey, StudyKey
from appliance.errors import StorageError
from appliance.keyring import KeyRing
from appliance.storage import storage_error, write_durably

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _typeshed import ReadableBuffer as Buffer

streaming_aead.register()

_TEMPLATE: Final = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
_KEY_BYTES: Final = 16
_CASE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that a code survives being read over the telephone."""


class StudySeal:
    """Seals and opens what belongs to one study."""

    def __init__(self, handle: tink.KeysetHandle, study: StudyKey) -> None:
        self._stream = handle.primitive(streaming_aead.StreamingAead)
        self._study = study

    def _context(self, purpose: str) -> bytes:
        return f"osteon/{purpose}/{self._study}".encode()

    def writer(self, raw: BinaryIO, purpose: str = "blob") -> BinaryIO:
        """A stream that seals what is written to it into `raw`. Closing it closes `raw`.

        Writing and closing raise StorageError("disk-full" or "storage-failed").
        """
        target = _Target(raw)
        inner = self._stream.new_encrypting_stream(target, self._context(purpose))
        return cast("BinaryIO", _Sealing(inner, target))

    def reader(self, raw: BinaryIO, purpose: str = "blob") -> BinaryIO:
        """A stream of what was sealed; closing it closes `raw`.

        Reading raises StorageError("seal-broken") when a byte was altered.
        """
        inner = self._stream.new_decrypting_stream(raw, self._context(purpose))
        opened = _Opened(inner, raw)
        return cast("BinaryIO", opened)

    def seal(self, content: bytes, purpose: str) -> bytes:
        """Seal a small value, for a ledger row; `purpose` keeps rows from being exchanged."""
        target = _Kept()
        with self.writer(target, purpose) as stream:
            stream.write(content)
        return target.content

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """The value that `seal` took. Raises StorageError("seal-broken")."""
        with self.reader(io.BytesIO(sealed), purpose) as stream:
            return stream.read()


class _Target(io.RawIOBase):
    """What Tink writes to; keeps the operating system's error, which Tink turns into text."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        try:
            return self._raw.write(data)
        except OSError as error:
            self.error = error
            raise

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Sealing(io.RawIOBase):
    """An encrypting stream whose failures are ours."""

    def __init__(self, inner: BinaryIO, target: _Target) -> None:
        self._inner = inner
        self._target = target

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        try:
            return self._inner.write(data)
        except (tink.TinkError, OSError) as error:
            raise storage_error(self._target.error or OSError()) from error

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        try:
            self._inner.close()
        except (tink.TinkError, OSError) as error:
            raise storage_error(self._target.error or OSError()) from error


class _Kept(io.BytesIO):
    """A buffer whose content outlives its closing."""

    content = b""

    def close(self) -> None:
        if not self.closed:
            self.content = self.getvalue()
        super().close()


class _Opened(io.RawIOBase):
    """A decrypting stream whose failures are ours."""

    def __init__(self, inner: BinaryIO, raw: BinaryIO) -> None:
        self._inner = inner
        self._raw = raw

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return self._inner.read(-1 if size is None else size)
        except (tink.TinkError, OSError) as error:
            raise StorageError("seal-broken") from error

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._raw.close()
        super().close()


class MasterKey:
    """The box's one key: wraps the studies' keysets and makes keyed HMACs of UIDs.

    renewed: gives the present ring where the key may have been rotated since. It is asked when a
    keyset does not open, and by `renew`. Safe to use from any thread.
    """

    def __init__(self, ring: KeyRing, renewed: Callable[[KeyRing], KeyRing] | None = None) -> None:
        self._renewed = renewed
        self._prf = ring.indexing_handle().primitive(prf.PrfSet).primary()
        self._wrapping = _Wrapping(ring)

    @classmethod
    def create(cls, path: Path) -> None:
        """Make a new key file, readable by its owner only. Never overwrites one."""
        if path.exists():
            raise StorageError("master-key-exists")
        write_durably(path, KeyRing.create().serialize(), mode=0o400)

    @classmethod
    def load(cls, path: Path, hand_over: Path | None = None) -> MasterKey:
        """Read a key file or a systemd credential; StorageError when missing or not one.

        hand_over: for a credential, which stays as it was when the unit started, the folder by
        which a rotated key reaches a running unit. A key file is read anew instead.
        """
        ring = _read(path)
        if hand_over is not None:
            return cls(ring.taken_over(hand_over), lambda known: known.taken_over(hand_over))
        return cls(ring, lambda _: _read(path))

    @property
    def wrapping_key(self) -> int:
        """The number of the key that wraps."""
        return self._wrapping.ring.primary

    @property
    def former_keys(self) -> tuple[int, ...]:
        """The numbers of the keys that only unwrap any more, while a rotation is under way."""
        return self._wrapping.ring.former

    def renew(self) -> None:
        """Go on with the present ring. One that cannot be read changes nothing."""
        if self._renewed is None:
            return
        known = self._wrapping.ring
        with suppress(StorageError):
            found = self._renewed(known)
            # Another indexing keyset would be another box's key.
            if found != known and found.indexing == known.indexing:
                self._wrapping = _Wrapping(found)

    def _keyed(self, kind: str, uid: str, size: int = _KEY_BYTES) -> bytes:
        return cast("bytes", self._prf.compute(f"{kind}:{uid}".encode(), size))

    def study_key(self, uid: str) -> StudyKey:
        """How the ledgers name a study."""
        return StudyKey(self._keyed("study", uid).hex())

    def series_key(self, uid: str) -> SeriesKey:
        """How the ledgers name a series."""
        return SeriesKey(self._keyed("series", uid).hex())

    def instance_key(self, uid: str) -> InstanceKey:
        """How the ledgers name an instance."""
        return InstanceKey(self._keyed("instance", uid).hex())

    def digest(self, sha256: bytes) -> str:
        """A keyed digest: equal for equal content, and no oracle for who guesses the content."""
        return self._keyed("digest", sha256.hex()).hex()

    def case_code(self, study: StudyKey) -> CaseCode:
        """Seven characters that people use for a study; the same for all its revisions."""
        number = int.from_bytes(self._keyed("case", study, 8))
        letters = "".join(_CASE_ALPHABET[(number >> 5 * place) & 31] for place in range(7))
        return CaseCode(f"{letters[:3]}-{letters[3:]}")

    def result_seed(self, study: StudyKey, through: int) -> bytes:
        """What the UIDs of a revision's result objects derive from: making them again is safe.

        through: the revision's last instance. Unlike the revision's own number it never comes
        again, not even for a study that is sent once more after its expiry.
        """
        return self._keyed("results", f"{study}/{through}", 32)

    def new_keyset(self, study: StudyKey) -> bytes:
        """A new keyset for a study, wrapped: the only form in which it is ever stored."""
        return self._wrapping.wrap(study, tink.new_keyset_handle(_TEMPLATE))

    def wrap_anew(self, study: StudyKey, wrapped: bytes) -> bytes:
        """The same keyset, wrapped by the present key. Raises StorageError("seal-broken")."""
        return self._wrapping.wrap(study, self._unwrapped(study, wrapped))

    def open_keyset(self, study: StudyKey, wrapped: bytes) -> StudySeal:
        """Unwrap a study's keyset; StorageError("seal-broken") when it is not this box's."""
        return StudySeal(self._unwrapped(study, wrapped), study)

    def _unwrapped(self, study: StudyKey, wrapped: bytes) -> tink.KeysetHandle:
        try:
            return self._wrapping.unwrap(study, wrapped)
        except tink.TinkError:
            self.renew()
        try:
            return self._wrapping.unwrap(study, wrapped)
        except tink.TinkError as error:
            raise StorageError("seal-broken") from error


class _Wrapping:
    """A ring's wrapping keyset, ready for use."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self._aead = ring.wrapping_handle().primitive(aead.Aead)

    def wrap(self, study: StudyKey, handle: tink.KeysetHandle) -> bytes:
        wrapped: bytes = tink.proto_keyset_format.serialize_encrypted(
            handle, self._aead, study.encode()
        )
        return wrapped

    def unwrap(self, study: StudyKey, wrapped: bytes) -> tink.KeysetHandle:
        return tink.proto_keyset_format.parse_encrypted(wrapped, self._aead, study.encode())


def _read(path: Path) -> KeyRing:
    try:
        return KeyRing.parse(path.read_bytes())
    except OSError as error:
        raise StorageError("master-key-missing") from error
