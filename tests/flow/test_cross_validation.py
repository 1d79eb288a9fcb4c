"""The report over folds: each reads its patients with a network that never saw them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

from appliance.domain import FilmRegion
from appliance.evaluation import Lesion, Overlap
from appliance.imaging import Film
from models.training.data.ct_scans import FOLDS
from models.training.evaluate import cases
from models.training.evaluate.__main__ import main
from tests.simulators import spot_pack

SPOT = (128, 96)
FAINTER = spot_pack.Twist(
    (onnx.helper.make_node("Mul", ["plain", "less"], ["heat"]),),
    {"less": np.array([0.5], np.float32)},
)
"""A network that says 0.5 where the pack's own says 1: below the alert point of 0.6."""


def section(fold: str, other: cases.OtherNetwork | None) -> cases.Section:
    def films() -> Iterator[cases.Case]:
        for name, spots in (("fractured", (SPOT,)), ("intact", ())):
            grey = (spot_pack.pixels(*spots) >> 4).astype(np.float32) / 255
            lesions = tuple(
                Lesion(FilmRegion(122, 92, 162, 132), {"type": "buckle"}) for _ in spots
            )
            yield cases.Case(f"patient {fold}", name, Film(grey, None), lesions)

    return cases.Section(
        f"Fold {fold}", cases.Origin.REAL, "", Overlap(0.5), films, fold=fold, other=other
    )


@pytest.mark.parametrize(
    ("offset", "alerts", "together"), [(0.0, "0.00", "0.50"), (1.0, "1.00", "1.00")]
)
def test_folds_are_read_by_their_own_networks_and_counted_together(
    offset: float, alerts: str, together: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = spot_pack.write(tmp_path / "packs")
    file = tmp_path / "fold-b.onnx"
    file.write_bytes(spot_pack.network(FAINTER))
    sections = [section("a", None), section("b", cases.OtherNetwork(file, 1.0, offset))]
    monkeypatch.setattr(cases, "of_pack", lambda *_: sections)
    main(
        f"--packs {packs} --pack {spot_pack.NAME} --data {tmp_path} --out {tmp_path / 'o'}".split()
    )
    folder = tmp_path / "o" / spot_pack.NAME
    _, _, pooled = (folder / "README.md").read_text("utf-8").partition("## Cross-validated")
    assert "patient a (fold a), patient b (fold b)" in pooled
    rows = [line.strip("| ").split(" | ") for line in pooled.splitlines() if line.startswith("| ")]
    at_alert = {row[0]: [*row[1:3], row[-1].split()[0]] for row in rows}
    assert at_alert["patient a"] == ["2", "1", "1.00"]
    assert at_alert["patient b"] == ["2", "1", alerts]
    assert at_alert["all"] == at_alert["buckle"] == ["4", "2", together]
    assert "On the 2 intact readings alone: 0.00 marks each" in pooled
    # The span of the scores is what the pack's own network was measured in.
    measured = json.loads((folder / "scores.json").read_text("utf-8"))["sections"]
    assert [each["title"] for each in measured] == ["Fold a"]


def test_each_fold_of_the_chest_is_measured_on_whom_its_network_never_saw(tmp_path: Path) -> None:
    folds = {each.fold: each for each in cases.of_pack("volume", tmp_path, 2) if each.fold}
    assert folds.keys() == FOLDS.keys()
    assert folds[cases.SHIPPED_FOLD].other is None
    measured = [patient for fold in FOLDS.values() for patient in fold.evaluation]
    assert len(measured) == len(set(measured))
    other = folds["b"].other
    assert other is not None
    shipped = other.file.parents[2] / "ct-thorax-fracture" / "network.onnx"
    assert other.file.read_bytes() != shipped.read_bytes()
