"""The range of scores in which a pack was measured: from its evaluation into its description."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.domain import Detection, FilmRegion
from appliance.evaluation import Exam, Overlap, Scored, score
from appliance.inference.manifest import Trust
from appliance.inference.pack_schema import ScoreSpan, parse_spec
from appliance.inference.package import open_pack
from models.training.evaluate import scores
from models.training.measured_scores import main, stated
from tests.simulators import spot_pack


def exam(*marks: float) -> Scored:
    region = FilmRegion(0.0, 0.0, 9.0, 9.0)
    found = tuple(Detection("spot", mark, region) for mark in marks)
    return score(Exam("p", "one", (), found, {}), Overlap(0.5))


def test_the_span_is_that_of_all_marks() -> None:
    assert scores.span_of([exam(0.30041, 0.5), exam(), exam(0.93279)]) == (0.3, 0.933)
    assert scores.span_of([exam()]) is None


def test_scores_of_another_network_are_refused(tmp_path: Path) -> None:
    folder = spot_pack.write(tmp_path / "packs") / spot_pack.NAME
    pack = open_pack(folder, Trust.shipped())
    scores.write(tmp_path, pack, [("first", [exam(0.4, 0.9)]), ("second", [exam(0.1)])])
    assert scores.read(tmp_path, pack) == (0.4, 0.9)
    with pytest.raises(ValueError, match="another network"):
        scores.read(tmp_path, replace(pack, network=pack.network + b"x"))
    scores.write(tmp_path, pack, [("first", [exam()])])
    with pytest.raises(ValueError, match="no mark"):
        scores.read(tmp_path, pack)


def test_the_range_is_stated_once_and_all_else_stays() -> None:
    description = "format: 1  # as ever\noperating_point: {report: 0.3, alert: 0.7}\nlast: 1\n"
    once = stated(description, 0.1, 0.9)
    assert once.splitlines() == [
        "format: 1  # as ever",
        "operating_point: {report: 0.3, alert: 0.7}",
        "measured_scores: {at_least: 0.100, at_most: 0.900}",
        "last: 1",
    ]
    assert stated(once, 0.2, 0.8) == stated(description, 0.2, 0.8)
    indented = "measured_scores:\n  at_least: 0.1\noperating_point:\n  report: 0.3\nlast: 1\n"
    assert stated(indented, 0.1, 0.9) == (
        "operating_point:\n  report: 0.3\n"
        "measured_scores: {at_least: 0.100, at_most: 0.900}\nlast: 1\n"
    )
    with pytest.raises(ValueError, match="operating point"):
        stated("format: 1\n", 0.1, 0.9)


def test_a_range_is_given_by_hand_or_not_at_all(tmp_path: Path) -> None:
    folder = spot_pack.write(tmp_path / "packs") / spot_pack.NAME
    place = folder / "pack.yaml"
    before = parse_spec(place.read_bytes())
    main([str(folder), "--range", "0.35", "0.97"])
    after = parse_spec(place.read_bytes())
    span = after.measured_scores
    assert span == ScoreSpan(at_least=0.35, at_most=0.97)
    assert before == after.model_copy(update={"measured_scores": before.measured_scores})
    with pytest.raises(SystemExit, match="no range"):
        main([str(folder), "--evaluation", str(tmp_path / "nowhere")])
