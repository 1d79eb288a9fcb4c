"""What a box refuses from a hostile repository, each over real HTTP: the old pack goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata

from appliance.errors import UpdateError
from appliance.update.layout import MODELS_ROLE, ROLLOUT_ROLE, manifest_target
from appliance.update.offers import Offers
from appliance.update.pace import Pace
from appliance.update.source import FolderSource
from tests.simulators.update_box import IMPATIENT, UpdateBox
from tests.simulators.update_repository import (
    BEGIN,
    FILES,
    NAME,
    RepositoryMaker,
    new_keys,
    target,
)
from tests.simulators.update_site import NEW, OLD, Site
from tests.simulators.web_server import (
    Trick,
    cut_after,
    dripping,
    dripping_headers,
    endless,
    hostile_server,
    instead,
    nginx,
    silent,
    status,
)

MANIFEST = r"manifest\.json$"
ANY_FILE = r"\.xz$"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with hostile_server(tmp_path / "repository") as server:
        yield Site(tmp_path, server)


def test_a_release_is_taken_and_offered(site: Site) -> None:
    new = site.release()
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: NEW}
    assert site.box.offers.offers[NAME].digest == new.digest


def test_an_arbitrary_repository_is_refused(site: Site) -> None:
    other = RepositoryMaker(site.folder / "other")
    other.versions |= dict.fromkeys(other.versions, 50)
    other.release(other.make_pack(NEW))
    site.server.folder = other.folder
    assert site.refused() == "update-metadata-refused"


def test_an_arbitrary_pack_is_refused(site: Site) -> None:
    site.release()
    site.server.tricks[MANIFEST] = instead(
        lambda good: site.maker.make_pack(NEW, signers=new_keys(2)).manifest[: len(good)]
    )
    assert site.refused() == "update-file-altered"


@pytest.mark.parametrize(
    ("trick", "code"),
    [
        (instead(lambda good: good[:40] + bytes([good[40] ^ 1]) + good[41:]), "altered"),
        (instead(lambda good: good + b"x"), "long"),
        (instead(lambda good: good[:-1]), "short"),
        (instead(lambda _: b""), "short"),
        (endless, "long"),
        (status(404), "absent"),
    ],
)
@pytest.mark.parametrize("path", [MANIFEST, ANY_FILE])
def test_a_file_that_is_not_what_was_signed_is_refused(
    site: Site, path: str, trick: Trick, code: str
) -> None:
    site.release()
    site.server.tricks[path] = trick
    assert site.refused() == f"update-file-{code}"
    site.server.tricks.clear()
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: NEW}


@pytest.mark.parametrize(
    "path", [r"timestamp\.json$", r"snapshot\.json$", r"models\.json$", "root"]
)
@pytest.mark.parametrize(
    "trick",
    [
        instead(lambda good: good.replace(b'"version":', b'"version":1')),
        instead(lambda _: b"[" * 10_000),
        endless,
        status(500),
    ],
)
def test_metadata_that_are_not_what_was_signed_are_refused(
    site: Site, path: str, trick: Trick
) -> None:
    site.release()
    site.server.tricks[path] = trick
    assert site.refused() in {"update-metadata-refused", "update-source-unreachable"}


@pytest.mark.parametrize(
    ("trick", "path"),
    [
        (dripping(0.1), MANIFEST),
        (dripping(0.1), r"timestamp\.json$"),
        (dripping_headers(0.1), r"timestamp\.json$"),
        (dripping_headers(0.1), ANY_FILE),
        (silent, r"timestamp\.json$"),
    ],
)
def test_a_slow_drip_ends_the_attempt(site: Site, trick: Trick, path: str) -> None:
    site.release()
    site.server.tricks[path] = trick
    assert site.refused(IMPATIENT) == "update-source-slow"


def test_a_steady_source_that_takes_too_long_ends_the_attempt(site: Site) -> None:
    site.release()
    site.server.tricks[ANY_FILE] = dripping(0.02)
    assert site.refused(Pace(1.0, least_rate=1.0, window_s=0.5)) == "update-source-slow"


def test_what_has_come_is_not_fetched_again(site: Site) -> None:
    fresh = bytes(range(256)) * 40 + hashlib.shake_256(b"noise").digest(20_000)
    pack = site.release(site.maker.make_pack(NEW, more_files={"notes.bin": fresh}))
    site.server.sent.clear()
    site.server.tricks[ANY_FILE] = cut_after(3000)
    attempts = 0
    while site.box.offered != {NAME: NEW}:
        if attempts == 3:
            site.server.tricks.clear()  # from here on the line holds
            assert site.box.apply(site.http()) == ()
        else:
            with pytest.raises(UpdateError, match=r"update-file-short|source-unreachable"):
                site.box.apply(site.http())
        attempts += 1
    assert attempts == 4
    bodies = {path: count for path, count in site.server.sent.items() if path.endswith(".xz")}
    assert bodies
    for path, count in bodies.items():
        assert count == (site.server.folder / path).stat().st_size
    # All other files were copied from the pack that was there before.
    assert len(bodies) == len([path for path in pack.files if path not in site.old.files]) + 1


def test_a_rollback_of_the_repository_is_refused(site: Site) -> None:
    site.release()
    site.box.check(site.http())
    site.replay()
    assert site.refused() == "update-metadata-refused"


def test_a_freeze_is_found_when_the_timestamp_expires(site: Site) -> None:
    site.box.clock.wall += timedelta(days=9).total_seconds()
    assert site.refused() == ""
    site.box.clock.wall += timedelta(days=2).total_seconds()
    assert site.refused() == "update-metadata-expired"


def test_a_mix_of_two_states_is_refused(site: Site) -> None:
    site.release()
    old = (site.before / "metadata/1.models.json").read_bytes()
    site.server.tricks[r"2\.models\.json$"] = instead(lambda _: old)
    assert site.refused() == "update-metadata-refused"


def test_one_stolen_key_of_two_is_not_enough_for_the_list_of_packs(site: Site) -> None:
    site.release()
    path = f"metadata/{site.maker.versions[MODELS_ROLE]}.models.json"
    listed = Metadata.from_bytes((site.server.folder / path).read_bytes())
    listed.sign(site.maker.keys[MODELS_ROLE][0])  # in place of both
    by_one = listed.to_bytes()
    # The thief has snapshot and timestamp too, which are online.
    site.server.tricks[r"models\.json$"] = instead(lambda _: by_one)
    site.maker.restate(MODELS_ROLE, by_one)
    assert site.refused() == "update-metadata-refused"


def test_one_stolen_key_of_two_is_not_enough_for_a_pack(site: Site) -> None:
    stolen = site.maker.keys[MODELS_ROLE][:1]
    site.release(site.maker.make_pack(NEW, signers=stolen))
    assert site.refused() == "pack-signature-invalid"


def test_the_same_key_twice_is_one_key(site: Site) -> None:
    stolen = site.maker.keys[MODELS_ROLE][0]
    pack = site.maker.make_pack(NEW, signers=[stolen])
    tree = json.loads(pack.manifest)
    (one,) = tree["signatures"]
    for twice in (
        [one, one],
        [one, one | {"keyid": site.maker.keys[MODELS_ROLE][1].public_key.keyid}],
    ):
        tree["signatures"] = twice
        site.release(replace(pack, manifest=json.dumps(tree).encode()))
        assert site.refused() in {"pack-signature-invalid", "pack-manifest-invalid"}


def test_keys_that_were_rotated_out_sign_nothing_any_more(site: Site) -> None:
    revoked = site.maker.rotate(MODELS_ROLE)
    site.release(site.maker.make_pack(NEW, signers=revoked))
    assert site.refused() == "pack-signature-invalid"
    # The list of packs too, as the thief of the old keys would sign it.
    path = f"metadata/{site.maker.versions[MODELS_ROLE]}.models.json"
    listed = Metadata.from_bytes((site.server.folder / path).read_bytes())
    listed.signatures.clear()
    for signer in revoked:
        listed.sign(signer, append=True)
    forged = listed.to_bytes()
    site.server.tricks[r"\d\.models\.json$"] = instead(lambda _: forged)
    site.maker.write()
    assert site.refused() == "update-metadata-refused"


def test_what_was_signed_by_rotated_roots_is_not_replayed(site: Site) -> None:
    site.maker.rotate("root")
    site.maker.rotate("targets")
    site.maker.write()
    site.box.check(site.http())
    shutil.rmtree(site.box.places.client)
    site.replay()
    assert site.refused() == "update-below-floor"


def test_the_rollout_key_cannot_bring_in_a_pack(site: Site) -> None:
    pack = site.maker.make_pack(NEW, signers=site.maker.keys[ROLLOUT_ROLE])
    path = manifest_target(NAME, NEW)
    site.maker._add(ROLLOUT_ROLE, target(path, pack.manifest), pack.manifest)
    site.maker.roll_out(pack)
    site.maker.write()
    assert site.refused() == "update-target-missing"


def test_a_pack_cannot_leave_its_folder(site: Site) -> None:
    site.release(site.maker.make_pack(NEW, more_files={"../escaped": b"x"}))
    assert site.refused() == "pack-path-invalid"
    assert not list(site.box.places.root.rglob("escaped"))


def test_a_network_with_external_data_is_refused(site: Site) -> None:
    network = FILES["network.onnx"] + b"location"
    site.release(site.maker.make_pack(NEW, more_files={"network.onnx": network}))
    assert site.refused() == "pack-external-data"
    assert site.box.places.packs.exists()


def test_a_link_on_a_stick_is_refused(site: Site) -> None:
    site.release()
    for file in (site.server.folder / "targets").rglob("*.xz"):
        away = site.folder / file.name
        file.rename(away)
        file.symlink_to(away)
    refusals = site.box.apply(FolderSource(site.server.folder))
    assert [refusal.error.code for refusal in refusals] == ["update-source-irregular"]


def test_a_link_in_the_store_is_found_and_the_pack_built_anew(site: Site) -> None:
    new = site.release()
    assert site.box.apply(site.http()) == ()
    card = site.box.places.packs / new.digest / "card.md"
    card.rename(site.folder / "card.md")
    card.symlink_to(site.folder / "card.md")
    site.box.places.offers.unlink()
    assert site.box.apply(site.http()) == ()
    assert not card.is_symlink()
    assert card.read_bytes() == new.files["card.md"]


def test_a_pack_under_anothers_name_is_refused(site: Site) -> None:
    pack = site.maker.make_pack(NEW)
    site.release(replace(pack, manifest=site.old.manifest, digest=site.old.digest))
    site.box.slots = {}
    site.box.places.offers.unlink()
    assert site.refused() == "update-pack-differs"


def test_an_old_pack_that_is_validly_signed_is_refused_below_the_floor(site: Site) -> None:
    middle, new = site.maker.make_pack("1.2.0.1", 2), site.maker.make_pack("1.3.0.1", 3)
    site.box.commit(new, previous=middle)
    old = site.maker.make_pack(NEW, 1)
    site.release(old)
    assert site.refused() == "update-pack-downgrade"
    site.release(replace(middle, version="1.2.0.1"))
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: "1.2.0.1"}


@pytest.mark.parametrize("how", ["emptied", "deleted"])
def test_a_cache_without_content_is_no_way_back(site: Site, how: str) -> None:
    site.release()
    assert site.box.apply(site.http()) == ()
    lose_cache(site.box, how)
    newest = site.server.folder
    site.replay()
    with pytest.raises(UpdateError, match="update-below-floor"):
        site.box.apply(site.http())
    assert site.box.offered == {NAME: NEW}
    site.server.folder = newest
    lose_cache(site.box, how)
    assert site.box.apply(site.http()) == ()


def lose_cache(box: UpdateBox, how: str) -> None:
    if how == "deleted":
        shutil.rmtree(box.places.client)
        return
    for file in box.places.client.rglob("*.json"):
        if not file.is_symlink():
            file.write_bytes(b"")


def test_without_a_floor_there_are_no_updates_until_a_person_acts(site: Site) -> None:
    site.release()
    for place in site.box.places.floors:
        place.unlink()
    assert site.refused() == "update-floor-missing"
    site.box.floors.begin()
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: NEW}


@pytest.mark.parametrize("lost", [0, 1])
def test_one_copy_of_the_floor_is_enough(site: Site, lost: int) -> None:
    site.release()
    site.box.places.floors[lost].write_bytes(b"")
    assert site.box.apply(site.http()) == ()
    first, second = site.box.places.floors
    assert first.read_bytes() == second.read_bytes()


def test_a_floor_of_another_device_is_none(site: Site) -> None:
    other = UpdateBox(site.folder / "other-box", site.maker.first_root)
    other.floors.begin()
    for own, foreign in zip(site.box.places.floors, other.places.floors, strict=True):
        shutil.copy(foreign, own)
    assert site.refused() == "update-floor-missing"


def test_a_clock_at_1970_stops_no_update_and_is_no_freeze(site: Site) -> None:
    site.box.clock.wall = 0.0
    site.release()
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: NEW}
    # Signed evidence moves the box's time on, so that what was signed before does expire.
    site.maker.now = BEGIN + timedelta(days=12)
    site.maker.write()
    site.box.check(site.http())
    stale = RepositoryMaker.copy(site.maker, site.folder / "stale")
    site.maker.now = BEGIN + timedelta(days=30)
    site.maker.write()
    site.box.check(site.http())
    site.server.folder = stale
    shutil.rmtree(site.box.places.client)
    with pytest.raises(UpdateError, match=r"update-metadata-expired|update-below-floor"):
        site.box.check(site.http())


def test_a_clock_at_2099_refuses_and_recovers(site: Site) -> None:
    site.release()
    right = site.box.clock.wall
    site.box.clock.wall = right + timedelta(days=73 * 365).total_seconds()
    assert site.refused() == "update-metadata-expired"
    site.box.clock.wall = right
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: NEW}


def test_a_fast_forwarded_timestamp_recovers_by_key_rotation(site: Site) -> None:
    good = dict(site.maker.versions)
    # The thief drives time up too, as far as the snapshot that he cannot sign still holds.
    site.maker.now = BEGIN + timedelta(days=20)
    site.maker.stamp(timestamp=2**31)
    site.box.clock.wall = BEGIN.timestamp() + 60
    site.box.check(site.http())
    site.maker.versions, site.maker.now = good, BEGIN
    site.release()
    assert site.refused() == "update-metadata-refused"
    site.maker.rotate("timestamp")
    site.maker.write()
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: NEW}


def test_a_fast_forwarded_snapshot_recovers_by_key_rotation(site: Site) -> None:
    good = dict(site.maker.versions)
    site.maker.write(snapshot=2**31, models=2**30)
    site.box.check(site.http())
    site.maker.versions = good
    site.maker.rotate("timestamp")
    site.maker.rotate("snapshot")
    site.release()
    assert site.box.apply(site.http()) == ()
    assert site.box.offered == {NAME: NEW}


def test_a_recalled_pack_is_withdrawn_and_named(site: Site) -> None:
    new = site.release()
    assert site.box.apply(site.http()) == ()
    site.maker.roll_out(recalled=[new.digest])
    site.maker.write()
    assert site.box.apply(site.http()) == ()
    assert site.box.offers == Offers({}, frozenset({new.digest}))


def test_a_halted_pack_is_withdrawn(site: Site) -> None:
    new = site.release()
    assert site.box.apply(site.http()) == ()
    site.maker.roll_out(new, halted=True)
    site.maker.write()
    site.box.check(site.http())
    assert site.box.offered == {}


def test_a_real_web_server_over_tls(tmp_path: Path) -> None:
    maker = RepositoryMaker(tmp_path / "repository")
    maker.release(maker.make_pack(OLD))
    box = UpdateBox(tmp_path / "box", maker.first_root)
    box.floors.begin()
    with nginx(maker.folder, tmp_path / "nginx") as web:
        assert box.apply(box.https(web)) == ()
        assert box.offered == {NAME: OLD}
        partial = box.places.partial
        box.commit(maker.make_pack(OLD))
        assert not list(partial.iterdir())
        with pytest.raises(UpdateError, match="update-source-unreachable"):
            box.check(box.https(web, ca_file=None))
