"""A system image from its build over three people's keys onto a server, a stick and a box."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.update.os.states import OsState
from appliance.update.source import FolderSource
from tests.simulators.built_images import NAME, build_output, hash_tree, kernel_image
from tests.simulators.maker import Maker
from tests.simulators.os_box import FLASHED, OsBox
from tests.simulators.web_server import nginx
from updates.bundle import Bundle
from updates.errors import PublishError

FIRST, NEXT = "1.1.0.1", "1.2.0.1"


@pytest.fixture(scope="module")
def with_image(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A maker with one image rolled out to everybody; not to be changed."""
    maker = Maker.founded(tmp_path_factory.mktemp("maker"))
    release(maker, FIRST)
    maker.run("rollout", "start", NAME, FIRST)
    return maker


@pytest.fixture
def maker(with_image: Maker, tmp_path: Path) -> Maker:
    return with_image.copied(tmp_path / "maker")


@pytest.fixture
def box(maker: Maker, tmp_path: Path) -> OsBox:
    box = OsBox(tmp_path / "box", maker.first_root)
    box.begin_today()
    return box


def proposed(maker: Maker, version: str, *more: str) -> Path:
    output = build_output(maker.folder / "built" / version, version)
    bundle = maker.folder / "os.zip"
    maker.run("build-os", output, "--out", bundle, *more)
    return bundle


def release(maker: Maker, version: str, *more: str) -> None:
    bundle = proposed(maker, version, *more)
    for holder in ("alice", "carol"):
        maker.sign(bundle, holder, "os")
    maker.run("accept", bundle)


def files_of(maker: Maker, version: str) -> set[str]:
    """SHA-256 of each file that the build of that version left."""
    folder = maker.folder / "built" / version
    return {hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_two_of_three_people_sign_an_image_in_turn(maker: Maker) -> None:
    bundle = proposed(maker, NEXT)
    assert "os has 0 of 2 signatures" in maker.refusal("accept", bundle)
    shown = maker.run("show", bundle)
    assert f"{NAME} {NEXT} index 1, new" in " ".join(shown.split())
    maker.sign(bundle, "alice", "os")
    assert "os has 1 of 2 signatures" in maker.refusal("accept", bundle)
    with pytest.raises(PublishError, match="no part"):
        maker.sign(bundle, "bob", "models")
    with pytest.raises(PublishError, match="others must"):
        maker.sign(bundle, "alice", "os")
    maker.sign(bundle, "bob", "os")
    maker.run("accept", bundle)
    assert not list(maker.workspace.pieces.iterdir())
    assert "has changed since" in maker.refusal("accept", bundle)


def test_signers_see_the_hash_of_each_file(maker: Maker) -> None:
    bundle = Bundle.read(proposed(maker, NEXT))
    said = maker.run("show", maker.folder / "os.zip").replace("\n", "")
    said = "".join(letter for letter in said if letter.isalnum())
    assert all(digest in said for digest in files_of(maker, NEXT))
    assert bundle.documents.keys() == {"os"}


def test_what_was_signed_reaches_a_box_from_a_server_and_is_installed(
    maker: Maker, box: OsBox, tmp_path: Path
) -> None:
    maker.run("publish", tmp_path / "www")
    with nginx(tmp_path / "www", tmp_path / "nginx") as web:
        assert box.apply(box.https(web)) == ()
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED
    installed = {*box.slots.iterdir(), *box.esp.glob(f"*{FIRST}*")}
    digests = {hashlib.sha256(place.read_bytes()).hexdigest() for place in installed}
    assert digests == files_of(maker, FIRST)


def test_a_box_takes_an_image_from_a_stick(maker: Maker, box: OsBox, tmp_path: Path) -> None:
    release(maker, NEXT)
    maker.run("export-usb", tmp_path / "stick")
    listed = (tmp_path / "stick/targets/os" / NAME).iterdir()
    assert {place.name for place in listed} == {FIRST}  # what nobody is meant to run stays home
    assert box.apply(FolderSource(tmp_path / "stick")) == ()
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED
    assert box.record.candidate is not None
    assert box.record.candidate.version == FIRST


def test_rings_halt_and_recall_hold_for_images_too(
    maker: Maker, box: OsBox, tmp_path: Path
) -> None:
    www = tmp_path / "www"
    maker.run("rollout", "start", NAME, FIRST, "--wave", "c" * 64)
    maker.run("publish", www)
    box.apply(FolderSource(www))
    box.unit.go_on()
    assert box.record.state is OsState.COMMITTED
    maker.run("rollout", "start", NAME, FIRST, "--wave", box.signer.device_id)
    maker.run("publish", www)
    box.may_restart = False
    box.apply(FolderSource(www))
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED
    maker.run("rollout", "recall", NAME, FIRST)
    maker.run("publish", www)
    box.apply(FolderSource(www))
    box.unit.go_on()
    assert box.record.state is OsState.COMMITTED
    assert box.start() == FLASHED
    assert "is recalled" in maker.refusal("rollout", "start", NAME, FIRST)


def test_versions_and_rollback_indexes_only_rise(maker: Maker) -> None:
    out = maker.folder / "os.zip"
    same = maker.folder / "built" / FIRST
    said = maker.refusal("build-os", same, "--out", out)
    assert said == f"{FIRST} does not come after {FIRST}"
    release(maker, NEXT, "--rollback-index", "4")
    newer = build_output(maker.folder / "newer", "1.3.0.1")
    said = maker.refusal("build-os", newer, "--out", out, "--rollback-index", "3")
    assert said == "rollback index 3 is below 4"
    release(maker, "1.3.0.2")
    listed = maker.workspace.folder / "repository/metadata"
    newest = max(listed.glob("*.os.json"), key=lambda file: int(file.name.split(".")[0]))
    targets = json.loads(newest.read_text())["signed"]["targets"]
    customs = [each["custom"] for each in targets.values() if "custom" in each]
    found = {each["version"]: each["rollback_index"] for each in customs}
    assert found == {FIRST: 1, NEXT: 4, "1.3.0.2": 4}


def test_old_images_leave_the_list_with_their_pieces(maker: Maker) -> None:
    for number in range(2, 6):
        release(maker, f"1.{number}.0.1")
    metadata = maker.workspace.folder / "repository/metadata"
    newest = max(metadata.glob("*.os.json"), key=lambda file: int(file.name.split(".")[0]))
    targets = json.loads(newest.read_text())["signed"]["targets"]
    versions = {path.split("/")[2] for path, each in targets.items() if "custom" in each}
    assert versions == {"1.2.0.1", "1.3.0.1", "1.4.0.1", "1.5.0.1"}
    assert sum("custom" not in each for each in targets.values()) <= 3 * 4


def unsigned(folder: Path) -> None:
    root_hash = hash_tree(
        folder / f"{NAME}_{NEXT}.root-x86-64.raw", folder / f"{NAME}_{NEXT}.root-x86-64-verity.raw"
    )
    (folder / f"{NAME}_{NEXT}.efi").write_bytes(kernel_image(NEXT, root_hash, is_signed=False))


def of_another_build(folder: Path) -> None:
    other = build_output(folder / "other", FIRST)
    shutil.copy(other / f"{NAME}_{FIRST}.efi", folder / f"{NAME}_{NEXT}.efi")


def of_another_product(folder: Path) -> None:
    (folder / f"{NAME}_{NEXT}.efi").write_bytes(kernel_image("12", "0" * 64, "debian"))


def without_a_root(folder: Path) -> None:
    (folder / f"{NAME}_{NEXT}.efi").write_bytes(kernel_image(NEXT, "none"))


def of_another_root(folder: Path) -> None:
    root = folder / f"{NAME}_{NEXT}.root-x86-64.raw"
    content = bytearray(root.read_bytes())
    content[5000] ^= 1
    root.write_bytes(content)


def no_kernel(folder: Path) -> None:
    (folder / f"{NAME}_{NEXT}.efi").write_bytes(b"#!/bin/sh\n")


def no_tree(folder: Path) -> None:
    (folder / f"{NAME}_{NEXT}.root-x86-64-verity.raw").unlink()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (unsigned, "is not signed"),
        (of_another_build, "is not the root that the kernel image starts"),
        (of_another_product, "is of debian 12, not of osteon"),
        (without_a_root, "names no root"),
        (of_another_root, "is not the root that the kernel image starts"),
        (no_kernel, "is no kernel image"),
        (no_tree, "lacks"),
    ],
)
def test_an_image_that_no_box_could_start_is_not_proposed(
    maker: Maker, tmp_path: Path, change: Callable[[Path], None], why: str
) -> None:
    folder = build_output(tmp_path / "built", NEXT)
    maker.run("lint-os", folder)
    change(folder)
    assert why in maker.refusal("lint-os", folder)
    assert why in maker.refusal("build-os", folder, "--out", tmp_path / "os.zip")


def test_a_bundle_is_accepted_only_with_the_pieces_that_were_signed(maker: Maker) -> None:
    bundle = proposed(maker, NEXT)
    for holder in ("alice", "carol"):
        maker.sign(bundle, holder, "os")
    piece = next(maker.workspace.pieces.iterdir())
    content = piece.read_bytes()
    piece.write_bytes(content[::-1])
    assert "accept it where it was built" in maker.refusal("accept", bundle)
    piece.unlink()
    assert "accept it where it was built" in maker.refusal("accept", bundle)
    piece.write_bytes(content)
    maker.run("accept", bundle)


def test_the_keys_of_the_role_change_and_the_images_stay(
    maker: Maker, box: OsBox, tmp_path: Path
) -> None:
    bundle = maker.folder / "rotate.zip"
    added = maker.public(("os", "dave"))
    maker.run("rotate", "os", "--remove", "alice", "--add", added, "--out", bundle)
    for holder in ("bob", "carol"):
        maker.sign(bundle, holder, "targets", "os")
    maker.run("accept", bundle)
    maker.run("publish", tmp_path / "www")
    assert box.apply(FolderSource(tmp_path / "www")) == ()
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED


def test_a_dry_run_of_a_build_proposes_nothing(maker: Maker) -> None:
    output = build_output(maker.folder / "built" / NEXT, NEXT)
    out = maker.folder / "dry.zip"
    before = maker.tree()
    assert "nothing was changed" in maker.run("build-os", output, "--out", out, "--dry-run")
    assert maker.tree() == before
