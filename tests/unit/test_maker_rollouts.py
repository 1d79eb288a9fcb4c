"""What a person types about a rollout, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from appliance.update.layout import Release
from appliance.update.rollout import Rollout
from updates.errors import PublishError
from updates.rollouts import halted, parse_wave, recalled, started

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
BOX, OTHER = "b" * 64, "c" * 64
OLD = Release("spots", "1.0.0.0", 1, "1" * 64, 10)
NEW = Release("spots", "1.1.0.0", 1, "2" * 64, 10)
LATER = NOW.timestamp() + 3600


def test_a_wave_is_a_share_or_a_list_of_boxes_from_some_time_on() -> None:
    assert parse_wave("5%", NOW).percent == 5
    assert parse_wave("5%", NOW).not_before == NOW.timestamp()
    assert parse_wave("100%@2026-11-22T04:00Z", NOW).not_before == LATER
    assert parse_wave("100%@2026-11-22T04:00", NOW).not_before == LATER
    assert parse_wave(f"{BOX},{OTHER}", NOW).devices == {BOX, OTHER}


@pytest.mark.parametrize("text", ["", "0%", "101%", "x%", "nan%", "box1", "5%@soon", f"{BOX},"])
def test_what_is_no_wave_is_refused(text: str) -> None:
    with pytest.raises(PublishError):
        parse_wave(text, NOW)


def test_a_rollout_reaches_the_boxes_of_its_waves() -> None:
    waves = [parse_wave(BOX, NOW), parse_wave("100%@2026-11-22T04:00Z", NOW)]
    pack = started(Rollout({}), OLD, waves).packs["spots"]
    assert pack.is_for(BOX, NOW.timestamp())
    assert not pack.is_for(OTHER, NOW.timestamp())
    assert pack.is_for(OTHER, LATER)


def test_a_halted_rollout_can_go_on() -> None:
    going = started(Rollout({}), OLD, [parse_wave("100%", NOW)])
    held = halted(going, "spots", is_halted=True)
    assert not held.packs["spots"].is_for(BOX, LATER)
    assert halted(held, "spots", is_halted=False) == going
    with pytest.raises(PublishError):
        halted(going, "dots", is_halted=True)


def test_a_recall_ends_the_rollout_of_that_pack_for_good() -> None:
    everybody = [parse_wave("100%", NOW)]
    after = recalled(started(Rollout({}), OLD, everybody), OLD)
    assert not after.packs
    assert after.recalled == {OLD.digest}
    with pytest.raises(PublishError):
        started(after, OLD, everybody)
    assert started(after, NEW, everybody).recalled == {OLD.digest}


def test_a_recall_of_an_older_pack_leaves_the_newer_one() -> None:
    going = started(Rollout({}), NEW, [parse_wave("100%", NOW)])
    assert recalled(going, OLD).packs == going.packs
