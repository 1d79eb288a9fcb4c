"""The trust of a checkout: `python -m models.training.development_trust` writes it anew.

One key for each role lies in `development-keys/` for anybody to read, and one signature is enough
(see the README there). Otherwise it is a ceremony like the maker's, by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.serialization.json import JSONSerializer

from updates.founding import first_metadata
from updates.roles import ROOT, RULES, TARGETS, RoleRule

KEYS: Final = Path(__file__).with_name("development-keys")
TRUST: Final = Path(__file__).parents[2] / "appliance" / "inference" / "trust"
_BEGINS: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS: Final = 3652


def development_rules() -> list[RoleRule]:
    """The maker's roles, each with one key and for ten years."""
    return [replace(rule, keys=1, threshold=1, days=_DAYS) for rule in RULES.values()]


def development_signer(role: str) -> CryptoSigner:
    """The public private key of a role."""
    key = load_pem_private_key((KEYS / f"{role}.pem").read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the development keys are Ed25519 keys")
    return CryptoSigner(key)


def trust_files(signers: Mapping[str, CryptoSigner]) -> dict[str, bytes]:
    """`root.json` and `targets.json` of a trust with one key a role."""
    keys = {role: [signer.public_key] for role, signer in signers.items()}
    founded = first_metadata(keys, _BEGINS, development_rules())
    files = {}
    for role in (ROOT, TARGETS):
        founded[role].sign(signers[role])
        files[f"{role}.json"] = founded[role].to_bytes(JSONSerializer())
    return files


def main() -> None:
    """Write the trust that ships inside `appliance` while there is no maker's."""
    for name, content in trust_files({role: development_signer(role) for role in RULES}).items():
        (TRUST / name).write_bytes(content)


if __name__ == "__main__":
    main()
