"""A key that a hardware token holds: it signs a pack and never leaves the token (SoftHSM2)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pkcs11
import pytest
from pkcs11.util.ec import encode_named_curve_parameters
from tuf.api.metadata import Metadata

from appliance.inference.manifest import verify_manifest
from appliance.update.layout import MODELS_ROLE, manifest_target
from tests.simulators import spot_pack
from tests.simulators.maker import PASSPHRASE, Maker, changed_pack
from updates.keys import read_public
from updates.repository import Draft

NAME, NEXT = spot_pack.NAME, "0.1.0.2"
LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
LABEL = "dave"
KEY_ID = b"\x02"
"""Where securesystemslib looks: the slot of a card for signatures (PIV 9c)."""


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A token with a P-256 key that it has made itself; its label."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    monkeypatch.setenv("PYKCS11LIB", LIBRARY)
    words = (
        "--init-token",
        "--free",
        "--label",
        LABEL,
        "--pin",
        PASSPHRASE,
        "--so-pin",
        "87654321",
    )
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
    library = pkcs11.lib(LIBRARY)
    library.reinitialize()  # it may have been loaded by another test, for tokens elsewhere
    with library.get_token(token_label=LABEL).open(rw=True, user_pin=PASSPHRASE) as session:
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        parameters.generate_keypair(store=True, id=KEY_ID, label="models")
    return LABEL


@pytest.mark.slow
def test_a_pack_is_signed_by_a_key_in_a_token(
    maker: Maker, token: str, pack: Path, tmp_path: Path
) -> None:
    added = tmp_path / "added"
    added.mkdir()
    said = maker.run("token-key", "models", "dave", "--token", token, "--out", added)
    (public,) = added.iterdir()
    uri = next(word.strip("'") for word in said.split() if "hsm:" in word)
    by_token = ("--yes", "--key", uri, "--public", public)

    bundle = tmp_path / "rotate.zip"
    maker.run("rotate", "models", "--remove", "carol", "--add", added, "--out", bundle)
    for holder in ("alice", "bob"):
        maker.sign(bundle, holder, "targets", "models")
    maker.run("accept", bundle)

    bundle = tmp_path / "pack.zip"
    better = changed_pack(pack, tmp_path, version=NEXT, summary="Said better.")
    maker.run("build", better, "--out", bundle)
    maker.run("sign", bundle, *by_token, "--packs-only")
    maker.sign(bundle, "alice", "models")
    maker.run("sign", bundle, *by_token)
    maker.run("accept", bundle)
    draft = Draft(maker.workspace.repository)
    listed = draft.target(draft.targets_of(MODELS_ROLE)[manifest_target(NAME, NEXT)])
    assert read_public(public).keyid in Metadata.from_bytes(listed).signatures
    verify_manifest(listed, maker.trust)  # by two of three, one of which is the token's
