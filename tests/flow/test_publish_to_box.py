"""What `osteon-publish` makes, taken by the box's own update unit: from nginx and from a stick."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance.errors import UpdateError
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.update.source import FolderSource
from tests.simulators import packs
from tests.simulators.maker import OFFLINE, RELEASE, Maker
from tests.simulators.update_box import UpdateBox
from tests.simulators.update_repository import NAME
from tests.simulators.web_server import nginx


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A pack for everybody; not to be changed."""
    maker = Maker.founded(tmp_path_factory.mktemp("maker"))
    maker.release(packs.write_pack(tmp_path_factory.mktemp("packs") / NAME))
    maker.run("rollout", "start", NAME, "0.1.0.1")
    return maker


@pytest.fixture
def maker(released: Maker, tmp_path: Path) -> Maker:
    return released.copied(tmp_path / "maker")


@pytest.fixture
def box(maker: Maker, tmp_path: Path) -> UpdateBox:
    """A box with that maker's root, whose clock is right."""
    box = UpdateBox(tmp_path / "box", maker.first_root)
    box.begin_today()
    return box


def trust_of(box: UpdateBox, maker: Maker) -> Trust:
    first = maker.workspace.folder / "repository/metadata/1.targets.json"
    shipped = Trust.from_bytes(maker.first_root, first.read_bytes())
    return shipped.carried_forward(box.places.metadata)


def test_a_box_takes_what_was_published_and_opens_it(
    maker: Maker, box: UpdateBox, tmp_path: Path
) -> None:
    maker.run("publish", tmp_path / "www")
    with nginx(tmp_path / "www", tmp_path / "nginx") as web:
        assert box.apply(box.https(web)) == ()
    (offer,) = box.offers.offers.values()
    pack = open_pack(box.places.packs / offer.digest, trust_of(box, maker))
    assert pack.identity.version == "0.1.0.1"


def test_a_box_takes_a_stick_and_then_the_server_again(
    maker: Maker, box: UpdateBox, tmp_path: Path
) -> None:
    www, stick = tmp_path / "www", tmp_path / "stick"
    maker.run("publish", www)
    box.check(FolderSource(www))
    maker.run("export-usb", stick)
    assert box.apply(FolderSource(stick)) == ()
    assert box.offered == {NAME: "0.1.0.1"}
    with pytest.raises(UpdateError):  # the server is behind the stick
        box.check(FolderSource(www))
    maker.run("publish", www)
    box.check(FolderSource(www))
    assert box.offered == {NAME: "0.1.0.1"}


def test_a_recall_reaches_a_box(maker: Maker, box: UpdateBox, tmp_path: Path) -> None:
    www = tmp_path / "www"
    maker.run("publish", www)
    box.apply(FolderSource(www))
    (offer,) = box.offers.offers.values()
    maker.run("rollout", "recall", NAME, "0.1.0.1")
    maker.run("publish", www)
    look = box.check(FolderSource(www))
    assert box.offers.recalled == {offer.digest}
    assert not box.offers.offers
    assert not look.outstanding


def test_a_wave_of_devices_reaches_no_other_box(
    maker: Maker, box: UpdateBox, tmp_path: Path
) -> None:
    www = tmp_path / "www"
    maker.run("rollout", "start", NAME, "0.1.0.1", "--wave", "c" * 64)
    maker.run("publish", www)
    box.apply(FolderSource(www))
    assert box.offered == {}
    maker.run("rollout", "start", NAME, "0.1.0.1", "--wave", box.signer.device_id)
    maker.run("publish", www)
    box.apply(FolderSource(www))
    assert box.offered == {NAME: "0.1.0.1"}


def test_a_box_follows_a_revocation_and_its_pack_stays_good(
    maker: Maker, box: UpdateBox, tmp_path: Path
) -> None:
    www, bundle = tmp_path / "www", tmp_path / "revoke.zip"
    maker.run("publish", www)
    box.apply(FolderSource(www))
    (offer,) = box.offers.offers.values()
    added = maker.public(*((role, "dave") for role in OFFLINE))
    maker.run("revoke", "alice", "--add", added, "--out", bundle)
    for holder in ("bob", "carol"):
        maker.sign(bundle, holder, *OFFLINE)
    maker.run("accept", bundle)
    maker.run("publish", www)
    box.check(FolderSource(www))
    trust = trust_of(box, maker)
    assert trust.root.version == 2
    assert trust.targets.version == 2
    open_pack(box.places.packs / offer.digest, trust)


def test_a_box_gets_over_a_timestamp_from_the_far_future(
    maker: Maker, box: UpdateBox, tmp_path: Path
) -> None:
    """Signed with a stolen online key; a new key in a new root is the way out."""
    www, bundle = tmp_path / "www", tmp_path / "rotate.zip"
    maker.run("publish", www)
    thief = Maker(Path(shutil.copytree(maker.folder, tmp_path / "thief")))
    for _ in range(5):
        thief.run("refresh")
    thief.run("publish", tmp_path / "forged")
    box.check(FolderSource(tmp_path / "forged"))
    with pytest.raises(UpdateError):
        box.check(FolderSource(www))
    added = maker.public(*((role, "second") for role in ("timestamp", "snapshot")))
    for half in (maker.folder / "sticks/second").iterdir():
        shutil.copy(half, maker.workspace.online)
    for role in ("timestamp", "snapshot"):
        maker.run("rotate", role, "--remove", RELEASE, "--add", added, "--out", bundle)
        for holder in ("bob", "carol"):
            maker.sign(bundle, holder, "root")
        maker.run("accept", bundle)
    maker.run("publish", www)
    box.apply(FolderSource(www))
    assert box.offered == {NAME: "0.1.0.1"}
