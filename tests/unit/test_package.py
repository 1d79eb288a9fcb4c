"""The only way into a pack: everything that is not exactly what was signed is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Targets

from appliance.errors import PackError
from appliance.inference.manifest import MANIFEST_BYTES, Trust
from appliance.inference.pack import Pack
from appliance.inference.package import PACK_BYTES, open_pack
from models.training.development_trust import development_rules, development_signer, trust_files
from models.training.sign import sign
from tests.simulators import packs
from updates.founding import first_metadata
from updates.pack_manifest import manifest
from updates.roles import RULES


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packs.write_pack(tmp_path_factory.mktemp("packs") / "whole")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "pack"))


def opened(folder: Path) -> Pack:
    return open_pack(folder, Trust.shipped())


def refused(folder: Path, code: str, trust: Trust | None = None) -> PackError:
    with pytest.raises(PackError) as caught:
        open_pack(folder, trust or Trust.shipped())
    assert caught.value.code == code, caught.value
    return caught.value


def resign(folder: Path) -> Path:
    sign(folder)
    return folder


def test_a_whole_pack_opens_with_its_bytes_in_memory(folder: Path) -> None:
    pack = opened(folder)
    shutil.rmtree(folder)
    assert pack.network == packs.good()
    assert (pack.identity.name, pack.identity.version) == ("test-spots", "0.1.0.1")
    assert [case.name for case in pack.golden] == ["spot", "dark"]
    assert pack.spec.scope.youngest_years == 18


def test_signing_again_gives_the_same_bytes(folder: Path) -> None:
    before = (folder / "manifest.json").read_bytes()
    resign(folder)
    assert (folder / "manifest.json").read_bytes() == before


def test_identity_follows_the_content(folder: Path) -> None:
    before = opened(folder).identity.digest
    (folder / "card.md").write_text("# Another card\n")
    assert opened(resign(folder)).identity.digest != before


def _link_file(folder: Path) -> None:
    (folder / "card.md").rename(folder.parent / "card.md")
    (folder / "card.md").symlink_to(folder.parent / "card.md")


def _link_folder(folder: Path) -> None:
    (folder / "golden").rename(folder.parent / "golden")
    (folder / "golden").symlink_to(folder.parent / "golden")


def _pipe(folder: Path) -> None:
    (folder / "card.md").unlink()
    os.mkfifo(folder / "card.md")


def _grow(folder: Path) -> None:
    with (folder / "network.onnx").open("ab") as file:
        file.write(b"\0")


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (shutil.rmtree, "pack-missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "pack-file-missing"),
        (lambda folder: (folder / "network.onnx").unlink(), "pack-file-missing"),
        (lambda folder: (folder / "extra.py").touch(), "pack-file-unlisted"),
        (lambda folder: (folder / "golden" / "extra").touch(), "pack-file-unlisted"),
        (lambda folder: (folder / "golden" / "manifest.json").touch(), "pack-file-unlisted"),
        (lambda folder: (folder / "link").symlink_to("card.md"), "pack-file-irregular"),
        (_link_file, "pack-file-irregular"),
        (_link_folder, "pack-file-irregular"),
        (_pipe, "pack-file-irregular"),
        (_grow, "pack-file-altered"),
        (lambda folder: os.truncate(folder / "network.onnx", 40), "pack-file-altered"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "pack-manifest-invalid"),
        (lambda folder: (folder / "manifest.json").write_text("["), "pack-manifest-invalid"),
        (
            lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
            "pack-manifest-invalid",
        ),
        (
            lambda folder: (folder / "manifest.json").write_bytes(b" " * (MANIFEST_BYTES + 1)),
            "pack-file-altered",
        ),
        (
            lambda folder: (folder / "manifest.json").write_bytes(_trust()["root.json"]),
            "pack-signature-invalid",
        ),
        (
            lambda folder: (folder / "manifest.json").write_bytes(
                _trust(root=development_signer("models"))["root.json"]
            ),
            "pack-manifest-invalid",
        ),
    ],
)
def test_what_is_not_as_signed_is_refused(
    folder: Path, harm: Callable[[Path], object], code: str
) -> None:
    harm(folder)
    refused(folder, code)


def _stranger() -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.generate())


def _trust(**known: CryptoSigner) -> dict[str, bytes]:
    """Root and targets files of strangers, apart from the roles that are named."""
    return trust_files({role: _stranger() for role in RULES} | known)


def _trusting(threshold: int, *signers: CryptoSigner) -> Trust:
    """A trust whose role `models` has these keys."""
    own = {role: _stranger() for role in RULES}
    keys = {role: [signer.public_key] for role, signer in own.items()}
    keys["models"] = [signer.public_key for signer in signers]
    rules = [
        replace(rule, keys=len(signers), threshold=threshold) if rule.name == "models" else rule
        for rule in development_rules()
    ]
    founded = first_metadata(keys, datetime(2026, 1, 1, tzinfo=UTC), rules)
    for role in ("root", "targets"):
        founded[role].sign(own[role])
    return Trust.from_bytes(founded["root"].to_bytes(), founded["targets"].to_bytes())


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(folder)
    refused(tmp_path / "other", "pack-missing")


def test_a_stranger_cannot_sign(folder: Path) -> None:
    sign(folder, _stranger())
    assert refused(folder, "pack-signature-invalid").detail == "0 of 1 signatures"


def test_the_threshold_counts_keys(folder: Path) -> None:
    two = [_stranger(), _stranger()]
    trust = _trusting(2, *two)
    sign(folder, two[0])
    assert refused(folder, "pack-signature-invalid", trust).detail == "1 of 2 signatures"
    sign(folder, two[0], two[0])
    refused(folder, "pack-signature-invalid", trust)
    sign(folder, *two)
    open_pack(folder, trust)


@pytest.mark.parametrize(
    "path", ["../card.md", "golden/../card.md", "/etc/passwd", "golden//x", "./card.md", "a\\b"]
)
def test_a_path_that_leads_astray_is_refused_though_signed(folder: Path, path: str) -> None:
    signed = manifest({path: b"", "pack.yaml": b""}, development_signer("models"))
    (folder / "manifest.json").write_bytes(signed)
    refused(folder, "pack-path-invalid")


def test_a_pack_that_says_it_is_huge_is_refused_before_it_is_read(folder: Path) -> None:
    os.truncate(folder / "card.md", PACK_BYTES)  # sparse
    resign(folder)
    refused(folder, "pack-too-large")


def test_a_network_with_external_data_is_refused(folder: Path) -> None:
    tensor = TensorProto(
        name="outside", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="../../etc/passwd")
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["outside"], ["answer"])
    model = helper.make_model(helper.make_graph([node], "g", [], [answer], [tensor]))
    onnx.save(model, folder / "network.onnx")
    refused(resign(folder), "pack-external-data")


def _describe(folder: Path, **changes: Any) -> None:
    (folder / "pack.yaml").write_text(yaml.safe_dump(packs.description(**changes)))
    resign(folder)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"version": 0.1}, "version"),
        ({"version": "0.1.0"}, "version"),
        ({"format": 2}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"rollback_index": "1"}, "rollback_index"),
        ({"image": "volume"}, "(top)"),
        ({"operating_point": {"report": 0.7, "alert": 0.6}}, "operating_point"),
        ({"operating_point": {"report": 0.7, "alert": 1.6}}, "operating_point.alert"),
        ({"measured_scores": {"at_least": 0.9, "at_most": 0.3}}, "measured_scores"),
        ({"measured_scores": {"at_least": 0.3, "at_most": 1.1}}, "measured_scores.at_most"),
        ({"licence": "see the card"}, "licence"),
        ({"bones": ["tooth"]}, "bones.0"),
        ({"golden": []}, "golden"),
        ({"tolerance": {"score": 0.1, "position": float("nan")}}, "tolerance.position"),
    ],
)
def test_a_description_that_is_wrong_is_refused_by_place(
    folder: Path, changes: dict[str, Any], place: str
) -> None:
    _describe(folder, **changes)
    assert place in refused(folder, "pack-description-invalid").detail


@pytest.mark.parametrize("text", ["", "[", "a: 1\na: 2\n", "? [1]\n: 2\n", "[" * 5000, "&a [*a]"])
def test_a_description_that_is_no_plain_yaml_is_refused(folder: Path, text: str) -> None:
    (folder / "pack.yaml").write_text(text)
    refused(resign(folder), "pack-description-invalid")


def test_a_key_that_stands_twice_is_refused(folder: Path) -> None:
    with (folder / "pack.yaml").open("a") as file:
        file.write("\nrollback_index: 9\n")
    refused(resign(folder), "pack-description-invalid")


def test_a_file_that_the_description_names_must_be_signed_for(folder: Path) -> None:
    _describe(folder, network={"file": "other.onnx", "input": [1, 1, 64, 64]})
    refused(folder, "pack-file-missing")


@pytest.mark.parametrize("content", [b"{}", b"", b"[1]"])
@pytest.mark.parametrize("name", ["root.json", "targets.json"])
def test_a_trust_file_that_is_none_is_refused(name: str, content: bytes) -> None:
    not_trusted(_trust() | {name: content})


def test_root_is_signed_by_its_own_keys_and_targets_by_those_that_root_names() -> None:
    good = _trust()
    Trust.from_bytes(good["root.json"], good["targets.json"])
    not_trusted(good | {"root.json": _raised(good["root.json"])})
    not_trusted(good | {"targets.json": _raised(good["targets.json"])})
    not_trusted(good | {"targets.json": _trust()["targets.json"]})
    not_trusted({"root.json": good["targets.json"], "targets.json": good["root.json"]})


def not_trusted(files: dict[str, bytes]) -> None:
    with pytest.raises(PackError) as caught:
        Trust.from_bytes(files["root.json"], files["targets.json"])
    assert caught.value.code == "trust-invalid"


def _raised(content: bytes) -> bytes:
    changed = content.replace(b'"threshold": 1', b'"threshold": 2', 1)
    assert changed != content
    return changed


class Updated:
    """A trust, and an update client's metadata folder that changes it."""

    def __init__(self, folder: Path) -> None:
        self.signers = {role: _stranger() for role in RULES}
        self.shipped = trust_files(self.signers)
        self.folder = folder
        (folder / "root_history").mkdir()

    @property
    def trust(self) -> Trust:
        before = Trust.from_bytes(self.shipped["root.json"], self.shipped["targets.json"])
        return before.carried_forward(self.folder)

    def store_root(self, *signers: CryptoSigner, **keys: CryptoSigner) -> None:
        """The next root, in which each named role has this key alone."""
        root: Metadata[Root] = Metadata.from_bytes(self.shipped["root.json"])
        root.signed.version += 1
        for role, signer in keys.items():
            root.signed.roles[role].keyids = []
            root.signed.add_key(signer.public_key, role)
        self._store(root, "root_history/2.root.json", signers)

    def store_targets(self, models: CryptoSigner, *signers: CryptoSigner, version: int = 2) -> None:
        """Targets metadata that trust packs of this key."""
        targets: Metadata[Targets] = Metadata.from_bytes(self.shipped["targets.json"])
        targets.signed.version = version
        assert targets.signed.delegations is not None
        assert targets.signed.delegations.roles is not None
        targets.signed.delegations.roles["models"].keyids = []
        targets.signed.add_key(models.public_key, "models")
        self._store(targets, "targets.json", signers)

    def _store(self, metadata: Metadata[Any], name: str, signers: tuple[CryptoSigner, ...]) -> None:
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        metadata.to_file(str(self.folder / name))


@pytest.fixture
def updated(tmp_path: Path) -> Updated:
    (tmp_path / "metadata").mkdir()
    return Updated(tmp_path / "metadata")


def test_stored_targets_revoke_a_key_that_signed_packs(folder: Path, updated: Updated) -> None:
    sign(folder, updated.signers["models"])
    open_pack(folder, updated.trust)
    new = _stranger()
    updated.store_targets(new, updated.signers["targets"])
    refused(folder, "pack-signature-invalid", updated.trust)
    sign(folder, new)
    open_pack(folder, updated.trust)


def test_a_stored_root_that_the_one_before_signed_brings_other_keys(updated: Updated) -> None:
    new = _stranger()
    updated.store_root(updated.signers["root"], targets=new)
    updated.store_targets(_stranger(), new)
    assert updated.trust.root.version == 2
    assert updated.trust.targets.version == 2


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_stored_root_of_a_stranger_brings_nothing(updated: Updated, *, by_itself: bool) -> None:
    new = _stranger()
    signers = [new] if by_itself else [updated.signers["root"]]
    updated.store_root(*signers, root=new, targets=new)
    updated.store_targets(_stranger(), new)
    assert updated.trust.root.version == 1
    assert updated.trust.targets.version == 1


def test_stored_targets_that_are_not_newer_take_nothing_back(updated: Updated) -> None:
    updated.store_targets(_stranger(), updated.signers["targets"], version=1)
    keyids = updated.trust.targets.get_delegated_role("models").keyids
    assert keyids == [updated.signers["models"].public_key.keyid]


@pytest.mark.parametrize("name", ["targets.json", "root_history/2.root.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[]"])
def test_stored_metadata_that_a_power_cut_harmed_stop_no_detection(
    updated: Updated, name: str, content: bytes
) -> None:
    (updated.folder / name).write_bytes(content)
    assert updated.trust.targets.version == 1


FILES = ["network.onnx", "pack.yaml", "card.md", "golden/spot.npz", "golden/spot.json"]


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(FILES), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_in_a_file_is_refused(
    whole: Path, name: str, where: float, bit: int
) -> None:
    with _flipped(whole / name, where, bit):
        refused(whole, "pack-file-altered")


@settings(max_examples=150, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_in_the_manifest_is_refused_or_changes_nothing(
    whole: Path, where: float, bit: int
) -> None:
    """White space and the case of hexadecimal digits lie outside what is signed."""
    before = opened(whole)
    with _flipped(whole / "manifest.json", where, bit):
        try:
            after = opened(whole)
        except PackError:
            return
    assert after == before


class _flipped:  # noqa: N801 - a context manager
    def __init__(self, path: Path, where: float, bit: int) -> None:
        self.path, self.before = path, path.read_bytes()
        self.after = bytearray(self.before)
        self.after[int(where * len(self.before))] ^= 1 << bit

    def __enter__(self) -> None:
        self.path.write_bytes(self.after)

    def __exit__(self, *_: object) -> None:
        self.path.write_bytes(self.before)
