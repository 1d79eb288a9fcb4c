"""Enrolling who may sign a site YAML: a public key from a stick, confirmed by its fingerprint."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import ConfigError
from appliance.provision.programs import answer_of
from appliance.provision.signature import NAMESPACE
from appliance.storage import make_folder, storage_error, write_durably

TYPED_LETTERS: Final = 8
"""48 bits: who wants another key with the same ones has to make some 10^14."""
_KINDS: Final = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-rsa")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,39}")
_MODE: Final = 0o644
_LINE: Final = re.compile(rf'(\S+) namespaces="{NAMESPACE}" (.+)')


@dataclass(frozen=True, slots=True)
class SignersKey:
    """A public key of OpenSSH's: its kind, and itself as base64."""

    kind: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it, without `SHA256:` in front."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return base64.b64encode(digest).decode().rstrip("=")


def parse_key(content: bytes) -> SignersKey:
    """One line of OpenSSH, as `KEY.pub` has it; its comment is nobody's word.

    Raises:
        ConfigError: `signer-key-invalid`.
    """
    try:
        (line,) = content.decode("ascii").strip().splitlines()
        kind, blob, *_ = line.split(" ")
        base64.b64decode(blob, validate=True)
    except (ValueError, binascii.Error):
        raise ConfigError("signer-key-invalid", "not one line of OpenSSH") from None
    if kind not in _KINDS:
        raise ConfigError("signer-key-invalid", "another kind of key")
    if answer_of(["ssh-keygen", "-l", "-f", "-"], f"{kind} {blob}\n".encode()) is None:
        raise ConfigError("signer-key-invalid", "OpenSSH does not take it")
    return SignersKey(kind, blob)


def check_name(name: str) -> str:
    """A name as it may stand in the file of allowed signers. Raises ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError("signer-name-unfit")
    return name


def check_letters(given: str, key: SignersKey) -> None:
    """Hold what a person typed against a key's fingerprint.

    given: its first letters, at least eight, with or without `SHA256:` in front.

    Raises:
        ConfigError: `signer-fingerprint-differs`.
    """
    meant = given.replace(" ", "").removeprefix("SHA256:")
    if len(meant) < TYPED_LETTERS or not key.fingerprint.startswith(meant):
        raise ConfigError("signer-fingerprint-differs")


def enrol(name: str, key: SignersKey, signers: Path) -> bool:
    """Let that key sign site YAMLs of this box; False where it may already.

    signers: the hospital's own file. What stands there stays.

    Raises:
        StorageError: `disk-full`, `storage-failed`.
    """
    try:
        make_folder(signers.parent)
        present = signers.read_text(encoding="utf-8") if signers.exists() else ""
    except OSError as error:
        raise storage_error(error) from error
    if any(key.blob in line.split() for line in present.splitlines()):
        return False
    if present and not present.endswith("\n"):
        present += "\n"
    line = f'{check_name(name)} namespaces="{NAMESPACE}" {key.kind} {key.blob}\n'
    write_durably(signers, (present + line).encode(), mode=_MODE)
    return True


def withdraw(name: str, signers: Path) -> tuple[SignersKey, ...]:
    """Let nobody of that name sign any more; the keys that they had, none where there is nobody.

    What is not written like ours stays; where nothing is left, no file is.

    Raises:
        StorageError: `disk-full`, `storage-failed`; then nothing has changed.
    """
    gone = tuple(key for known, key in enrolled(signers) if known == name)
    if not gone:
        return ()
    try:
        lines = signers.read_text(encoding="utf-8").splitlines(keepends=True)
        left = "".join(line for line in lines if not _is_of(line, name))
        if not left.strip():
            signers.unlink()
            return gone
    except OSError as error:
        raise storage_error(error) from error
    write_durably(signers, left.encode(), mode=_MODE)
    return gone


def _is_of(line: str, name: str) -> bool:
    found = _LINE.match(line)
    return found is not None and found[1] == name


def enrolled(signers: Path) -> Iterator[tuple[str, SignersKey]]:
    """(name, key) of those who may sign, as far as they are written like ours.

    Raises StorageError.
    """
    try:
        lines = signers.read_text(encoding="utf-8").splitlines() if signers.exists() else []
    except OSError as error:
        raise storage_error(error) from error
    for line in lines:
        found = _LINE.match(line)
        with suppress(ConfigError):
            if found is not None:
                yield found[1], parse_key(found[2].encode())
