"""Sign a pack with the development key: `python -m models.training.sign models/NAME`.

Writes `manifest.json`. The same files give the same manifest, byte for byte (Ed25519 has no
randomness). With the maker's own keys packs are signed by `updates`, several people in turn.
"""

from __future__ import annotations

import sys
from pathlib import Path

from securesystemslib.signer import Signer

from appliance.inference.manifest import PACK_ROLE, Trust
from appliance.inference.package import MANIFEST, open_pack
from models.training.development_trust import development_signer
from updates.pack_manifest import manifest, pack_files


def sign(folder: Path, *signers: Signer) -> None:
    """Write the manifest of the pack in that folder; by default with the development key."""
    content = manifest(pack_files(folder), *(signers or [development_signer(PACK_ROLE)]))
    (folder / MANIFEST).write_bytes(content)


def main(arguments: list[str]) -> None:
    """Sign each folder, then open it as the box would."""
    for argument in arguments:
        folder = Path(argument)
        sign(folder)
        pack = open_pack(folder, Trust.shipped())
        print(f"{pack.identity.name} {pack.identity.version} {pack.identity.digest}")


if __name__ == "__main__":
    main(sys.argv[1:])
