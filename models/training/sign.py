"""Sign a pack with the development key: `python -m models.training.sign models/NAME`.

Writes `manifest.json`, TUF targets metadata over every other file of the folder. The same files
give the same manifest, byte for byte (Ed25519 has no randomness; the expiry is fixed).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key  # type: ignore[attr-defined]
from tuf.api.metadata import Metadata, Role, Root, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from appliance.inference.manifest import Trust
from appliance.inference.package import MANIFEST, open_pack

KEY: Final = Path(__file__).with_name("development-key.pem")
EXPIRES: Final = datetime(2036, 1, 1, tzinfo=UTC)
"""Metadata must have one; the box does not look at it (see `appliance.inference.manifest`)."""
_ROLES: Final = ("root", "targets", "snapshot", "timestamp")


def development_signer() -> CryptoSigner:
    """The signer whose public half ships in `appliance/inference/trust/development.json`."""
    key = load_pem_private_key(KEY.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the development key is an Ed25519 key")
    return CryptoSigner(key)


def root_file(signers: list[CryptoSigner], threshold: int = 1) -> bytes:
    """A TUF root file that trusts these keys, for every role, and is signed by all of them."""
    keys: dict[str, Key] = {signer.public_key.keyid: signer.public_key for signer in signers}
    roles = {name: Role(sorted(keys), threshold) for name in _ROLES}
    metadata = Metadata(Root(expires=EXPIRES, keys=keys, roles=roles))
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer())


def manifest(files: Mapping[str, bytes], *signers: CryptoSigner) -> bytes:
    """TUF targets metadata over files, by their paths in the pack."""
    targets = {path: TargetFile.from_data(path, files[path], ["sha256"]) for path in sorted(files)}
    metadata = Metadata(Targets(expires=EXPIRES, targets=targets))
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer())


def sign(folder: Path, *signers: CryptoSigner) -> None:
    """Write the manifest of the pack in that folder."""
    files = {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file != folder / MANIFEST
    }
    (folder / MANIFEST).write_bytes(manifest(files, *signers))


def main(arguments: list[str]) -> None:
    """Sign each folder, then open it as the box would."""
    for argument in arguments:
        folder = Path(argument)
        sign(folder, development_signer())
        pack = open_pack(folder, Trust.shipped())
        print(f"{pack.identity.name} {pack.identity.version} {pack.identity.digest}")


if __name__ == "__main__":
    main(sys.argv[1:])
