"""Who vouches for a site YAML: SSH signatures (`ssh-keygen -Y sign`), verified by OpenSSH itself.

The keys that may sign stand in files in OpenSSH's format of allowed signers (ssh-keygen(1)): the
maker's comes with the box, the hospital's is enrolled by its technician.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.errors import ConfigError
from appliance.provision.programs import answer_of

NAMESPACE: Final = "osteon-site"
"""Keeps a signature made for another purpose with the same key from counting here."""


def signer_of(content: bytes, signature: bytes, signers: Iterable[Path]) -> str:
    """The principal, as the file of allowed signers calls it, who signed the content.

    Raises:
        ConfigError: `site-signers-missing`, `site-signature-wrong`.
    """
    enrolled = [file for file in signers if file.is_file()]
    if not enrolled:
        raise ConfigError("site-signers-missing")
    with tempfile.TemporaryDirectory(prefix="osteon-signature-") as folder:
        place = Path(folder, "signature")
        place.write_bytes(signature)
        for file in enrolled:
            for principal in _principals(place, file):
                if _is_by(principal, content, place, file):
                    return principal
    raise ConfigError("site-signature-wrong")


def _principals(signature: Path, signers: Path) -> list[str]:
    """Whom the signature's key belongs to; says nothing yet about what was signed."""
    found = answer_of(
        ["ssh-keygen", "-Y", "find-principals", "-s", str(signature), "-f", str(signers)]
    )
    return (found or b"").decode("utf-8", "replace").splitlines()


def _is_by(principal: str, content: bytes, signature: Path, signers: Path) -> bool:
    command = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", principal, "-n", NAMESPACE]
    return answer_of([*command, "-s", str(signature)], content) is not None
