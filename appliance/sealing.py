"""Sealing of patient data: Tink's streaming AEAD, a keyset for each study, one master key.

Everything that can name a patient is encrypted before it reaches a file or a ledger row. Each
study has a keyset of its own, kept wrapped by the master key: destroying the wrapped keyset
destroys the study. UIDs become keyed HMACs (a PRF keyset beside the master key), so that a ledger
can find a study again and yet tells nothing to who has only the ledger.

Formats and key handling are Tink's (https://developers.google.com/tink); none is our own.
"""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import tink
from tink import aead, prf, secret_key_access, streaming_aead

from appliance.domain import CaseCode, InstanceKey, SeriesKey, StudyKey
from appliance.errors import StorageError
from appliance.storage import storage_error, write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import ReadableBuffer as Buffer

aead.register()
prf.register()
streaming_aead.register()

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
    """The box's one key: wraps the studies' keysets and makes keyed HMACs of UIDs."""

    def __init__(self, wrapping: tink.KeysetHandle, indexing: tink.KeysetHandle) -> None:
        self._aead = wrapping.primitive(aead.Aead)
        self._prf = indexing.primitive(prf.PrfSet).primary()

    @classmethod
    def create(cls, path: Path) -> None:
        """Make a new key file, readable by its owner only. Never overwrites one."""
        if path.exists():
            raise StorageError("master-key-exists")
        token = secret_key_access.TOKEN
        keysets = {
            "wrapping": tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM),
            "indexing": tink.new_keyset_handle(prf.prf_key_templates.HMAC_SHA256),
        }
        content = {
            name: base64.b64encode(tink.proto_keyset_format.serialize(handle, token)).decode()
            for name, handle in keysets.items()
        }
        write_durably(path, json.dumps(content).encode(), mode=0o400)

    @classmethod
    def load(cls, path: Path) -> MasterKey:
        """Read a key file or a systemd credential; StorageError when missing or not one."""
        try:
            content = json.loads(path.read_bytes())
            token = secret_key_access.TOKEN
            wrapping, indexing = (
                tink.proto_keyset_format.parse(base64.b64decode(content[name]), token)
                for name in ("wrapping", "indexing")
            )
            return cls(wrapping, indexing)
        except OSError as error:
            raise StorageError("master-key-missing") from error
        except (ValueError, KeyError, TypeError, tink.TinkError) as error:
            raise StorageError("master-key-invalid") from error

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

    def result_seed(self, study: StudyKey, revision: int) -> bytes:
        """What the UIDs of a revision's result objects derive from: making them again is safe."""
        return self._keyed("results", f"{study}/{revision}", 32)

    def new_keyset(self, study: StudyKey) -> bytes:
        """A new keyset for a study, wrapped: the only form in which it is ever stored."""
        handle = tink.new_keyset_handle(
            streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
        )
        return cast(
            "bytes",
            tink.proto_keyset_format.serialize_encrypted(handle, self._aead, study.encode()),
        )

    def open_keyset(self, study: StudyKey, wrapped: bytes) -> StudySeal:
        """Unwrap a study's keyset; StorageError("seal-broken") when it is not this box's."""
        try:
            handle = tink.proto_keyset_format.parse_encrypted(wrapped, self._aead, study.encode())
        except tink.TinkError as error:
            raise StorageError("seal-broken") from error
        return StudySeal(handle, study)
