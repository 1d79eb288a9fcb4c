"""The version number says what changed; a hospital reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appliance.domain import Detection, FilmRegion
from appliance.inference.pack_schema import PackSpec
from tests.simulators import packs
from updates.version_rules import RULES, Edition, judge

IMAGE = "a" * 64
SPOT = Detection("spot", 0.9, FilmRegion(10, 10, 20, 20))


def edition(version: str = "1.2.3.4", *found: Detection, **changes: Any) -> Edition:
    said = packs.description(version=version, **changes)
    spec = PackSpec.model_validate(said, strict=False)
    return Edition(spec, frozenset({IMAGE}), {IMAGE: found or (SPOT,)})


def faults(after: Edition) -> tuple[str, ...]:
    return judge(edition(), after).faults


def test_a_build_in_which_nothing_changed_may_raise_b_alone() -> None:
    assert judge(edition(), edition("1.2.3.5")).part == "B"
    assert not faults(edition("1.2.3.5", summary="Said better."))


@pytest.mark.parametrize("version", ["1.2.3.4", "1.2.3.3", "1.2.2.9", "0.9.9.9"])
def test_a_version_must_come_after_the_last_one(version: str) -> None:
    assert "does not come after" in faults(edition(version))[0]


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("X", {"intended_use": "Another use."}),
    ("X", {"contraindications": ["Nobody."]}),
    ("Y", {"findings": [{"label": "dot", "bone": "ankle", "type": "unspecified"}]}),
    ("Y", {"bones": ["ankle", "foot"]}),
    ("Y", {"limits": ["Sees circles only."]}),
    ("Z", {"operating_point": {"report": 0.6, "alert": 0.7}}),
    ("Z", {"tolerance": {"score": 0.2, "position": 3.0}}),
    ("Z", {"reader": {"name": "bright-squares", "parameters": {"floor": 0.4}}}),
]
RAISED = {"X": "2.0.0.0", "Y": "1.3.0.0", "Z": "1.2.4.0", "B": "1.2.3.5"}


@pytest.mark.parametrize(("part", "change"), CHANGES)
def test_what_changed_says_which_part_must_rise(part: str, change: dict[str, Any]) -> None:
    enough = "XYZB".index(part)
    for number, (raised, version) in enumerate(RAISED.items()):
        found = faults(edition(version, **change))
        assert bool(found) == (number > enough), (raised, found)
        if found:
            assert found[0].startswith(f"{part} must rise, not {raised} alone")


@pytest.mark.parametrize(
    "found",
    [
        replace(SPOT, score=0.85),
        replace(SPOT, region=FilmRegion(14, 10, 24, 20)),
        replace(SPOT, label="dot"),
    ],
)
def test_other_outputs_on_a_golden_case_are_no_mere_build(found: Detection) -> None:
    assert "the outputs on golden cases" in faults(edition("1.2.3.5", found))[0]
    assert not faults(edition("1.2.4.0", found))


def test_an_output_more_or_less_is_no_mere_build() -> None:
    elsewhere = replace(SPOT, region=FilmRegion(50, 50, 60, 60))
    assert faults(edition("1.2.3.5", SPOT, elsewhere))
    nothing = replace(edition("1.2.3.5"), outputs={IMAGE: ()})
    assert faults(nothing)


def test_the_noise_of_a_sum_is_no_change() -> None:
    assert not faults(edition("1.2.3.5", replace(SPOT, score=0.9004)))


def test_a_golden_case_does_not_go_unseen() -> None:
    gone = replace(edition("1.2.3.5"), golden=frozenset())
    assert "a golden case was taken away" in faults(gone)[0]


def test_the_rollback_index_never_falls() -> None:
    assert "rollback_index 0 is below 1" in faults(edition("2.0.0.0", rollback_index=0))[0]


def test_the_table_goes_from_the_most_important_part_on() -> None:
    """`judge` takes the first rule that applies."""
    parts = ["XYZB".index(rule.part) for rule in RULES]
    assert parts == sorted(parts)
