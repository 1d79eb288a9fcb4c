"""Who gets which pack, and when; what is not exactly of the format is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import StorageError, UpdateError
from appliance.update.layout import Release, file_target, manifest_target
from appliance.update.offers import Offer, Offers, read_offers, write_offers
from appliance.update.rollout import PackRollout, Rollout, Wave, place_in_line
from appliance.update.times import from_iso, to_iso

DIGEST = "ab" * 32
DEVICE = "01" * 32
START = from_iso("2026-11-22T02:00:00Z")


def test_a_box_that_is_named_takes_the_pack_from_its_time_on() -> None:
    pack = PackRollout(DIGEST, "1.0.0.1", (Wave(START, devices=frozenset({DEVICE})),))
    assert not pack.is_for(DEVICE, START - 1)
    assert pack.is_for(DEVICE, START)
    assert not pack.is_for("02" * 32, START)


def test_a_halted_pack_is_for_nobody() -> None:
    waves = (Wave(START, devices=frozenset({DEVICE})), Wave(START, percent=100.0))
    assert not PackRollout(DIGEST, "1.0.0.1", waves, is_halted=True).is_for(DEVICE, START)


def test_the_percentage_draws_as_many_boxes_as_it_says() -> None:
    wave = Wave(START, percent=20.0)
    drawn = sum(wave.is_for(f"{number:064x}", DIGEST, START) for number in range(2000))
    assert 320 <= drawn <= 480
    assert not Wave(START, percent=0.0).is_for(DEVICE, DIGEST, START)


def test_each_pack_draws_its_own_order() -> None:
    assert place_in_line(DEVICE, DIGEST) != place_in_line(DEVICE, "cd" * 32)
    assert all(0 <= place_in_line(f"{n:064x}", DIGEST) < 100 for n in range(100))


hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
times = st.integers(0, 4_000_000_000).map(float)
waves = st.one_of(
    st.builds(Wave, times, devices=st.frozensets(hexes, min_size=1, max_size=3)),
    st.builds(Wave, times, percent=st.integers(0, 100).map(float)),
)
packs = st.builds(
    PackRollout, hexes, st.just("1.2.3.4"), st.lists(waves, max_size=3).map(tuple), st.booleans()
)
names = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True).filter(lambda name: name != "files")


@given(st.dictionaries(names, packs, max_size=3), st.frozensets(hexes, max_size=3))
def test_what_is_written_is_read_again(
    chosen: dict[str, PackRollout], recalled: frozenset[str]
) -> None:
    rollout = Rollout(chosen, recalled)
    again = Rollout.parse(rollout.to_json())
    assert (dict(again.packs), again.recalled) == (chosen, recalled)


def tree(**changes: Any) -> dict[str, Any]:
    wave = {"percent": 10, "not_before": "2026-11-22T02:00:00Z"}
    pack = {"digest": DIGEST, "version": "1.0.0.1", "waves": [wave], "halted": False}
    return {"format": 1, "packs": {"spots": pack}, "recalled": []} | changes


def pack_tree(**changes: Any) -> dict[str, Any]:
    return tree(packs={"spots": tree()["packs"]["spots"] | changes})


@pytest.mark.parametrize(
    "wrong",
    [
        tree(format=2),
        tree(format=True),
        tree(extra=1),
        tree(recalled="ab"),
        tree(recalled=["AB" * 32]),
        tree(packs=[]),
        tree(packs={"files": tree()["packs"]["spots"]}),
        tree(packs={"../spots": tree()["packs"]["spots"]}),
        pack_tree(halted=0),
        pack_tree(version="1.0"),
        pack_tree(digest="x"),
        pack_tree(waves=None),
        pack_tree(waves=[{"percent": 101, "not_before": "2026-11-22T02:00:00Z"}]),
        pack_tree(waves=[{"percent": True, "not_before": "2026-11-22T02:00:00Z"}]),
        pack_tree(waves=[{"percent": 10, "not_before": "2026-11-22T02:00:00"}]),
        pack_tree(waves=[{"percent": 10, "devices": [], "not_before": "2026-11-22T02:00:00Z"}]),
        pack_tree(waves=[{"not_before": "2026-11-22T02:00:00Z"}]),
        [],
    ],
)
def test_anything_else_is_refused(wrong: Any) -> None:
    with pytest.raises(UpdateError, match="update-rollout-invalid"):
        Rollout.parse(json.dumps(wrong).encode())


@pytest.mark.parametrize("wrong", [b"", b"\xff", b"[" * 100_000, b'{"format":1,"format":1}'])
def test_what_is_no_json_or_says_a_thing_twice_is_refused(wrong: bytes) -> None:
    with pytest.raises(UpdateError, match="update-rollout-invalid"):
        Rollout.parse(wrong)


def test_what_a_target_says_of_its_pack_is_read_strictly() -> None:
    release = Release("spots", "1.0.0.1", 3, DIGEST, 1000)
    assert Release.from_custom(release.as_custom()) == release
    for wrong in (
        None,
        {},
        release.as_custom() | {"format": 2},
        release.as_custom() | {"extra": 1},
        release.as_custom() | {"rollback_index": True},
        release.as_custom() | {"files_bytes": -1},
        release.as_custom() | {"digest": DIGEST.upper()},
    ):
        with pytest.raises(UpdateError, match="update-target-invalid"):
            Release.from_custom(wrong)


@pytest.mark.parametrize(
    ("name", "version"),
    [("files", "1.0.0.1"), ("a/b", "1.0.0.1"), ("spots", ".."), ("", "1.0.0.1")],
)
def test_no_name_leads_out_of_the_delegation(name: str, version: str) -> None:
    with pytest.raises(UpdateError, match="update-target-invalid"):
        manifest_target(name, version)
    with pytest.raises(UpdateError, match="update-target-invalid"):
        file_target("../" + "a" * 61)


def test_times_are_utc_and_whole() -> None:
    assert to_iso(START + 0.7) == "2026-11-22T02:00:00Z"
    for wrong in ("2026-11-22", "2026-11-22T02:00:00", "2026-11-22T02:00:00+00:00", ""):
        with pytest.raises(ValueError, match=r"does not match|unconverted"):
            from_iso(wrong)


def test_offers_survive_their_file(tmp_path: Any) -> None:
    place = tmp_path / "offers.json"
    assert read_offers(place) == Offers()
    offers = Offers({"spots": Offer("spots", "1.0.0.1", DIGEST, 3, START)}, frozenset({DIGEST}))
    write_offers(place, offers)
    assert read_offers(place) == offers
    assert place.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format":1,"offers":[{}],"recalled":[]}'])
def test_a_broken_list_of_offers_is_said_to_be_broken(tmp_path: Any, content: bytes) -> None:
    (tmp_path / "offers.json").write_bytes(content)
    with pytest.raises(StorageError, match="update-offers-broken"):
        read_offers(tmp_path / "offers.json")
