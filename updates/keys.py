"""The maker's keys: made as encrypted files, opened for one signing, named by who holds them.

A private key is PKCS #8 in PEM, encrypted under a passphrase; or it lies in a hardware token and is
named by a URI of securesystemslib's HSMSigner (`hsm:`). The public half travels as TUF writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import CryptoSigner, HSMSigner, Key, Signer, SSlibKey

from appliance.storage import write_durably
from updates.errors import PublishError

Passphrase = Callable[[str], bytes]
"""Asked with what the passphrase is for."""

HOLDER: Final = "x-osteon-holder"
"""Field of a key in the metadata: who holds it. For people; no check rests on it."""
TOKEN: Final = "hsm:"  # noqa: S105 - the scheme of securesystemslib's key URIs
_TOKEN_TROUBLE: Final = (UnsupportedLibraryError, OSError, ValueError, RuntimeError)
_SHORTEST: Final = 12
_PUBLIC: Final = ".pub.json"


def new_key(folder: Path, role: str, holder: str, passphrase: bytes) -> tuple[Path, Path]:
    """Make a key; returns its private file and its public one.

    Raises:
        PublishError: The passphrase is short, or there is such a file.
    """
    if len(passphrase) < _SHORTEST:
        raise PublishError(f"the passphrase needs {_SHORTEST} characters or more")
    private, public = folder / f"{role}.{holder}.pem", folder / f"{role}.{holder}{_PUBLIC}"
    if private.exists() or public.exists():
        raise PublishError(f"{private} is there already; no key is ever overwritten")
    made = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(passphrase)
    content = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    write_durably(private, content)
    write_public(public, SSlibKey.from_crypto(made.public_key()), holder)
    return private, public


def write_public(file: Path, key: Key, holder: str) -> None:
    """Write the public half of a key, with its holder's name."""
    key.unrecognized_fields[HOLDER] = holder
    content = {"keyid": key.keyid, **key.to_dict()}
    write_durably(file, json.dumps(content, indent=1).encode() + b"\n", mode=0o644)


def read_public(file: Path) -> Key:
    """The public half of a key. Raises PublishError where the file is none."""
    try:
        content = json.loads(file.read_bytes())
        return Key.from_dict(content.pop("keyid"), content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PublishError(f"{file} is no public key of ours (*{_PUBLIC})") from None


def public_keys(folder: Path) -> dict[str, list[Key]]:
    """The keys of a ceremony, by role: files named ROLE.HOLDER.pub.json."""
    found: dict[str, list[Key]] = {}
    for file in sorted(folder.glob(f"*{_PUBLIC}")):
        found.setdefault(file.name.partition(".")[0], []).append(read_public(file))
    return found


def open_signer(reference: str, public: Path | None, passphrase: Passphrase) -> Signer:
    """A private key, opened: a file, or `hsm:...` with the file of its public half.

    Raises:
        PublishError: No such key, a wrong passphrase or PIN, or no PKCS #11 module.
    """
    if not reference.startswith(TOKEN):
        return _from_file(Path(reference), passphrase)
    if public is None:
        raise PublishError("a key in a token needs --public, the file of its public half")
    try:
        return HSMSigner.from_priv_key_uri(
            reference, read_public(public), lambda what: passphrase(what).decode()
        )
    except _TOKEN_TROUBLE as error:
        raise PublishError(f"the token cannot be used: {error}") from None


def token_key(
    folder: Path, role: str, holder: str, label: str | None, pin: Passphrase
) -> tuple[str, Path]:
    """Take over the public half of a key that a token holds; returns the key's URI and the file.

    label: of the token, where there is more than one.

    Raises:
        PublishError: No such token or key, or no PKCS #11 module.
    """
    try:
        uri, key = HSMSigner.import_(None, label, lambda what: pin(what).decode())
    except _TOKEN_TROUBLE as error:
        raise PublishError(f"the token cannot be used: {error}") from None
    public = folder / f"{role}.{holder}{_PUBLIC}"
    write_public(public, key, holder)
    return uri, public


def signer_among(files: Iterable[Path], keyids: Iterable[str], passphrase: Passphrase) -> Signer:
    """The first of these private keys that is one of the wanted ones.

    Raises:
        PublishError: None is.
    """
    wanted = set(keyids)
    for file in files:
        public = read_public(file.with_name(file.stem + _PUBLIC))
        if public.keyid in wanted:
            return _from_file(file, passphrase)
    raise PublishError("this machine holds no key of that role; see `online/` in the workspace")


def holder_of(key: Key) -> str:
    """Who holds a key, else the beginning of its id."""
    return str(key.unrecognized_fields.get(HOLDER) or key.keyid[:8])


def passphrase_file(file: Path) -> Passphrase:
    """The first line of a file that nobody else can read.

    Raises:
        PublishError: Others can.
    """

    def read(_: str) -> bytes:
        if file.stat().st_mode & 0o077:
            raise PublishError(f"{file} can be read by others: chmod 600")
        lines = file.read_bytes().splitlines()
        return lines[0] if lines else b""

    return read


def _from_file(file: Path, passphrase: Passphrase) -> CryptoSigner:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise PublishError(f"{file}: {error.strerror}") from None
    try:
        key = load_pem_private_key(content, passphrase(f"passphrase of {file.name}"))
    except (ValueError, TypeError):
        raise PublishError(f"{file}: no encrypted key, or a wrong passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise PublishError(f"{file}: not an Ed25519 key")
    return CryptoSigner(key)
