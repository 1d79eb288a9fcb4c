"""The floor by itself: what raises it, what resets it, and the time that can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tuf.api.metadata import Root

from appliance.errors import UpdateError
from appliance.update.floor import Floor, Seen, issued
from appliance.update.layout import ISSUED
from appliance.update.slots import PackRef, Slot, Source
from appliance.update.states import UpdateState
from appliance.update.times import from_iso
from tests.simulators.update_repository import new_keys

SEEN = Seen(
    root=1,
    timestamp_keys=frozenset({"t"}),
    snapshot_keys=frozenset({"s"}),
    offline_time=50.0,
    versions={"timestamp": 5, "snapshot": 4, "targets": 3, "models": 2},
    online_time=100.0,
)
FLOOR = Floor().raised(SEEN)


def root(version: int, timestamp: int = 0, snapshot: int = 0) -> Root:
    """A root of that version; the keys of the two roles by number."""
    made = Root(version=version, expires=datetime(2030, 1, 1, tzinfo=UTC))
    made.roles["timestamp"].keyids = [f"t{timestamp}" if timestamp else "t"]
    made.roles["snapshot"].keyids = [f"s{snapshot}" if snapshot else "s"]
    return made


def test_versions_rise_and_never_fall() -> None:
    higher = replace(SEEN, versions={**SEEN.versions, "timestamp": 6})
    assert FLOOR.raised(higher).versions["timestamp"] == 6
    assert FLOOR.raised(SEEN) == FLOOR
    for role in SEEN.versions:
        lower = replace(SEEN, versions={**SEEN.versions, role: SEEN.versions[role] - 1})
        with pytest.raises(UpdateError, match="update-below-floor"):
            FLOOR.raised(lower)
        gone = {name: version for name, version in SEEN.versions.items() if name != role}
        with pytest.raises(UpdateError, match="update-below-floor"):
            FLOOR.raised(replace(SEEN, versions=gone))


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ({}, {"timestamp", "snapshot", "targets", "models"}),
        ({"timestamp": 2}, {"targets", "models"}),
        ({"snapshot": 2}, {"timestamp"}),
        ({"timestamp": 2, "snapshot": 2}, set()),
    ],
)
def test_a_rotated_key_takes_back_what_it_said(keys: Mapping[str, int], kept: set[str]) -> None:
    under = FLOOR.under(root(2, **keys))
    assert set(under.versions) == kept
    assert under.offline_time == 50.0
    assert under.online_time == (0.0 if keys else 100.0)


def test_a_key_that_is_only_added_resets_nothing() -> None:
    more = root(2)
    more.roles["timestamp"].keyids.append("another")
    assert FLOOR.under(more) == FLOOR


def test_an_older_root_is_no_rotation() -> None:
    with pytest.raises(UpdateError, match="update-below-floor"):
        FLOOR.raised(replace(SEEN, root=2)).under(root(1, timestamp=9))


def test_only_what_is_signed_moves_time_on() -> None:
    assert FLOOR.now(0.0) == 100.0
    assert FLOOR.now(4_000_000_000.0) == 4_000_000_000.0
    assert FLOOR.raised(replace(SEEN, online_time=7.0)).online_time == 100.0


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2026-11-22T02:00:00Z", from_iso("2026-11-22T02:00:00Z")),
        ("2031-01-01T00:00:00Z", 0.0),  # after its own expiry
        ("yesterday", 0.0),
        (7, 0.0),
        (None, 0.0),
    ],
)
def test_when_it_was_signed_is_believed_within_reason(said: object, time: float) -> None:
    made = root(1)
    made.unrecognized_fields[ISSUED] = said
    assert issued(made) == time


def ref(index: int) -> PackRef:
    return PackRef("1.0.0.1", f"{index:064x}", index, Source.STORE)


@pytest.mark.parametrize(
    ("slot", "floor"),
    [
        (Slot(UpdateState.COMMITTED, 0, active=ref(5), previous=ref(3)), 3),
        (Slot(UpdateState.COMMITTED, 0, active=ref(5)), 5),
        (Slot(UpdateState.PROBATION, 0, active=ref(5), previous=ref(3)), 2),
        (Slot(UpdateState.SHADOW, 0, active=ref(3), candidate=ref(5)), 2),
        (Slot(UpdateState.REVERTED, 0, active=ref(3)), 2),
        (Slot(UpdateState.COMMITTED, 0, active=ref(1)), 2),
    ],
)
def test_a_packs_floor_rises_after_commit_only_and_to_the_kept_one(slot: Slot, floor: int) -> None:
    before = Floor(packs={"spots": 2})
    assert before.after_commits({"spots": slot}).packs == {"spots": floor}


def test_keys_of_a_role_are_those_that_count() -> None:
    first, second = new_keys(2)
    made = root(2)
    made.roles["timestamp"].keyids = [first.public_key.keyid]
    floor = replace(FLOOR, timestamp_keys=frozenset({second.public_key.keyid}))
    assert "timestamp" not in floor.under(made).versions
