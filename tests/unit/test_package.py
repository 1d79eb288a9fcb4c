"""The only way into a pack: everything that is not exactly what was signed is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
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

from appliance.errors import PackError
from appliance.inference.manifest import MANIFEST_BYTES, Trust
from appliance.inference.pack import Pack
from appliance.inference.package import PACK_BYTES, open_pack
from models.training.sign import development_signer, manifest, root_file, sign
from tests.simulators import packs


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
    sign(folder, development_signer())
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
            lambda folder: (folder / "manifest.json").write_bytes(root_file([_stranger()])),
            "pack-signature-invalid",
        ),
        (
            lambda folder: (folder / "manifest.json").write_bytes(
                root_file([development_signer()])
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


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(folder)
    refused(tmp_path / "other", "pack-missing")


def test_a_stranger_cannot_sign(folder: Path) -> None:
    sign(folder, _stranger())
    assert refused(folder, "pack-signature-invalid").detail == "0 of 1 signatures"


def test_the_threshold_counts_keys(folder: Path) -> None:
    two = [_stranger(), _stranger()]
    trust = Trust.from_bytes(root_file(two, threshold=2))
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
    signed = manifest({path: b"", "pack.yaml": b""}, development_signer())
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
def test_a_trust_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(PackError) as caught:
        Trust.from_bytes(content)
    assert caught.value.code == "trust-invalid"


def test_a_trust_file_must_be_signed_by_its_own_keys(folder: Path) -> None:
    forged = root_file([_stranger()]).replace(b'"threshold": 1', b'"threshold": 2', 1)
    with pytest.raises(PackError):
        Trust.from_bytes(forged)
    with pytest.raises(PackError):
        Trust.from_bytes((folder / "manifest.json").read_bytes())


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
