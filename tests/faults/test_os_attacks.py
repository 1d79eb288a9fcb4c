"""What a thief of the update unit, of one key or of a mirror may try with a system image.

The mirror is what the installing unit reads, and is put there by the attacker: nothing of it is
written into a slot.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.errors import UpdateError
from appliance.update.layout import OS_ROLE, os_piece_target
from appliance.update.os.states import OsState
from appliance.update.source import FolderSource
from tests.simulators.os_box import OsBox
from tests.simulators.update_repository import (
    MadeImage,
    RepositoryMaker,
    make_image,
    new_keys,
    target,
)

NEW = "1.1.0.1"


@pytest.fixture
def maker(tmp_path: Path) -> RepositoryMaker:
    return RepositoryMaker(tmp_path / "repository")


@pytest.fixture
def box(maker: RepositoryMaker, tmp_path: Path) -> OsBox:
    return OsBox.flashed(tmp_path / "box", maker.first_root)


def planted(box: OsBox, repository: Path) -> Path:
    """A mirror that the update unit's thief has written: whatever repository he likes."""
    shutil.rmtree(box.places.mirror, ignore_errors=True)
    return Path(shutil.copytree(repository, box.places.mirror))


def refused(box: OsBox, *codes: str) -> None:
    """The installing unit does not follow, says why, and has written nothing."""
    with pytest.raises(UpdateError) as caught:
        box.unit.go_on()
    assert caught.value.code in codes
    assert box.record.state is OsState.COMMITTED
    assert not list(box.slots.iterdir())
    assert len(box.loader.entries()) == 1
    assert box.history[-1].details["code"] == caught.value.code


def test_what_the_maker_has_published_would_be_taken_from_such_a_mirror(
    maker: RepositoryMaker, box: OsBox
) -> None:
    """The attacks below differ from this in one thing each."""
    maker.release_image(make_image(NEW))
    planted(box, maker.folder)
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED


def signed_by(maker: RepositoryMaker, role: str, count: int) -> None:
    keys = maker.keys[role][:count]
    maker.publish_image(make_image(NEW))
    maker.roll_out(make_image(NEW))
    good, maker.keys[OS_ROLE] = maker.keys[OS_ROLE], keys
    maker.write_with_keys_of(OS_ROLE, good)


@pytest.mark.parametrize(("role", "count"), [("models", 2), ("rollout", 1), (OS_ROLE, 1)])
def test_only_two_keys_of_the_role_make_an_image(
    maker: RepositoryMaker, box: OsBox, role: str, count: int
) -> None:
    signed_by(maker, role, count)
    planted(box, maker.folder)
    refused(box, "update-metadata-refused")
    (refusal,) = box.apply(FolderSource(maker.folder))
    assert refusal.error.code == "update-metadata-refused"
    assert not list(box.places.mirror.rglob("*.xz"))


def test_a_maker_of_ones_own_is_not_ours(box: OsBox, tmp_path: Path) -> None:
    thief = RepositoryMaker(tmp_path / "thief")
    thief.release_image(make_image(NEW))
    planted(box, thief.folder)
    refused(box, "update-metadata-refused")


def altered_piece(mirror: Path, _: MadeImage) -> None:
    place = max(mirror.glob("targets/os/files/*/*"), key=lambda file: file.stat().st_size)
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


def longer_piece(mirror: Path, _: MadeImage) -> None:
    place = next(mirror.glob("targets/os/files/*/*"))
    place.write_bytes(place.read_bytes() + b"more")


def linked_piece(mirror: Path, _: MadeImage) -> None:
    place = next(mirror.glob("targets/os/files/*/*"))
    outside = mirror.parent / "outside"
    place.rename(outside)
    place.symlink_to(outside)


def piped_piece(mirror: Path, _: MadeImage) -> None:
    place = next(mirror.glob("targets/os/files/*/*"))
    place.unlink()
    os.mkfifo(place)


def other_release(mirror: Path, image: MadeImage) -> None:
    (place,) = mirror.glob(f"targets/os/osteon/{image.version}/*.release.json")
    tree = json.loads(place.read_bytes())
    tree["files"][0]["sha256"] = "0" * 64
    place.write_text(json.dumps(tree))


@pytest.mark.parametrize(
    "change", [altered_piece, longer_piece, linked_piece, piped_piece, other_release]
)
def test_what_was_altered_on_the_box_itself_is_found(
    maker: RepositoryMaker, box: OsBox, change: Callable[[Path, MadeImage], None]
) -> None:
    image = maker.release_image(make_image(NEW))
    change(planted(box, maker.folder), image)
    refused(box, "update-file-altered", "update-file-long", "update-source-irregular")
    assert box.restarts == 0


def test_the_update_unit_mends_what_was_altered(maker: RepositoryMaker, box: OsBox) -> None:
    image = maker.release_image(make_image(NEW))
    box.apply(FolderSource(maker.folder))
    altered_piece(box.places.mirror, image)
    refused(box, "update-file-altered")
    box.apply(FolderSource(maker.folder))
    box.unit.go_on()
    assert box.record.state is OsState.INSTALLED


def test_an_old_mirror_is_not_taken_for_a_new_one(
    maker: RepositoryMaker, box: OsBox, tmp_path: Path
) -> None:
    """A weak image that was replaced since: whole, signed, and not what is meant any more."""
    maker.release_image(make_image(NEW))
    before = maker.copy(tmp_path / "before")
    maker.release_image(make_image("1.2.0.1"))
    planted(box, maker.folder)
    box.is_quiet = False
    box.unit.go_on()
    box.is_quiet = True
    planted(box, before)
    refused(box, "update-metadata-refused", "update-below-floor")
    shutil.rmtree(box.os.verifying.client)
    refused(box, "update-below-floor")


def test_parts_of_two_states_do_not_make_one(
    maker: RepositoryMaker, box: OsBox, tmp_path: Path
) -> None:
    maker.release_image(make_image(NEW))
    before = maker.copy(tmp_path / "before")
    old = maker.versions[OS_ROLE]
    maker.release_image(make_image("1.2.0.1"))
    mirror = planted(box, maker.folder)
    newest = f"metadata/{maker.versions[OS_ROLE]}.os.json"
    shutil.copy(before / f"metadata/{old}.os.json", mirror / newest)
    refused(box, "update-metadata-refused")


def test_a_recalled_image_is_not_installed(maker: RepositoryMaker, box: OsBox) -> None:
    image = maker.release_image(make_image(NEW))
    maker.roll_out(image, recalled=[image.digest])
    maker.write()
    planted(box, maker.folder)
    box.unit.go_on()
    assert box.record.state is OsState.COMMITTED
    assert not list(box.slots.iterdir())


def test_the_thief_of_the_rollout_key_can_only_choose(maker: RepositoryMaker, box: OsBox) -> None:
    """He names another content under a signed version."""
    maker.publish_image(make_image(NEW))
    other = make_image(NEW, empty=1)
    maker.roll_out(other)
    maker.write()
    planted(box, maker.folder)
    refused(box, "update-image-differs")


def test_a_description_of_another_image_is_refused(maker: RepositoryMaker, box: OsBox) -> None:
    """Two people signed it, by mistake: its own words and its description differ."""
    image = make_image(NEW)
    maker.publish_image(image, files_bytes=1)
    maker.roll_out(image)
    maker.write()
    planted(box, maker.folder)
    refused(box, "update-image-differs")


def test_a_piece_that_unpacks_to_more_is_stopped(maker: RepositoryMaker, box: OsBox) -> None:
    """Signed by mistake under the name of a piece: a bomb."""
    image = make_image(NEW)
    maker.publish_image(image)
    bomb = lzma.compress(bytes(64 << 20), preset=0)
    sha256 = image.contents.files[0].pieces[0]
    maker._add(OS_ROLE, target(os_piece_target(sha256), bomb), bomb)
    maker.roll_out(image)
    maker.write()
    planted(box, maker.folder)
    refused(box, "update-file-altered")


def test_a_piece_of_another_content_is_found(maker: RepositoryMaker, box: OsBox) -> None:
    image = make_image(NEW)
    maker.publish_image(image)
    piece = image.contents.files[0].pieces[0]
    length = next(length for name, length in image.contents.files[0].lengths() if name == piece)
    packed = lzma.compress(hashlib.shake_256(b"other").digest(length), preset=0)
    maker._add(OS_ROLE, target(os_piece_target(piece), packed), packed)
    maker.roll_out(image)
    maker.write()
    planted(box, maker.folder)
    refused(box, "update-file-altered")


def test_a_pack_may_not_take_the_name_of_a_system(maker: RepositoryMaker) -> None:
    with pytest.raises(UpdateError, match="update-target-invalid"):
        maker.publish(maker.make_pack(name="osteon"))


def test_expired_lists_install_nothing(maker: RepositoryMaker, box: OsBox) -> None:
    maker.release_image(make_image(NEW))
    planted(box, maker.folder)
    box.clock.wall += 11 * 86_400
    refused(box, "update-metadata-expired")


def test_keys_that_were_lost_are_trusted_no_more(maker: RepositoryMaker, box: OsBox) -> None:
    """The role got other keys: what the old ones signed counts for nothing."""
    stolen = maker.keys[OS_ROLE]
    maker.keys[OS_ROLE] = new_keys(2)
    maker.write()
    box.apply(FolderSource(maker.folder))
    box.unit.go_on()
    maker.publish_image(make_image(NEW))
    maker.roll_out(make_image(NEW))
    good, maker.keys[OS_ROLE] = maker.keys[OS_ROLE], stolen
    maker.write_with_keys_of(OS_ROLE, good)
    planted(box, maker.folder)
    refused(box, "update-metadata-refused")
