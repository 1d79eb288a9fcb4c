"""`python -m models.training.evaluate` on a set of one's own: box's child, report, plots."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from models.training import measured_scores
from models.training.evaluate.__main__ import main
from models.training.sign import sign
from tests.simulators import spot_pack
from tests.simulators.labelled_sets import coco, write_coco, write_picture

SPOT, WRONG = (128, 96), (160, 160)
"""Where the network's cells look; it marks half a cell further."""
BOX = [122, 92, 40, 40]


def labelled_films(folder: Path) -> Path:
    """Two films with a spot that is labelled, one with a spot that is not, one without."""
    kinds: dict[str, tuple[tuple[int, int], ...]] = {
        "one.png": (SPOT,),
        "two.png": (SPOT,),
        "wrong.png": (WRONG,),
        "none.png": (),
    }
    for name, spots in kinds.items():
        write_picture(folder / name, (spot_pack.pixels(*spots) >> 4).astype(np.uint8))
    write_coco(folder, coco({"one.png": [BOX], "two.png": [BOX], "wrong.png": [], "none.png": []}))
    return folder


def test_a_set_of_ones_own_is_read_by_the_box_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packs, films = spot_pack.write(tmp_path / "packs"), labelled_films(tmp_path / "set")
    network = packs / spot_pack.NAME / "network.onnx"
    main(
        f"--packs {packs} --pack {spot_pack.NAME} --set {films} --out {tmp_path / 'out'} "
        f"--float32 {spot_pack.NAME}={network}".split()
    )
    folder = tmp_path / "out" / spot_pack.NAME
    report = (folder / "README.md").read_text("utf-8")
    assert "4 readings of 4 patients: 2 with 2 fractures, 2 intact." in report
    assert "Real films or scans with real labels" in report
    assert re.search(r"AUC of exams \| 0\.75", report)
    assert re.search(r"exams: specificity, alert point \| 0\.50", report)
    assert re.search(r"false positives per exam, report point \| 0\.25", report)
    assert re.search(r"fractures found, alert point \| 1\.00", report)
    assert "which loses 0.000" in report
    assert re.search(r"OpenVINO against ONNX Runtime: exam scores differ by 0\.0\d\d on", report)
    pictures = set(re.findall(r"\]\(([^)]+\.png)\)", report))
    assert pictures == {path.name for path in folder.glob("*.png")}
    assert "a-set-of-one-s-own-froc.png" in pictures
    for name in pictures:
        with Image.open(folder / name) as picture:
            assert len(picture.convert("RGB").getcolors(2**24) or ()) > 5
    told = capsys.readouterr().out
    assert "README.md" in told
    assert "wrong" not in told
    assert "wrong" not in report  # the name of a film may be that of a patient

    pack = packs / spot_pack.NAME
    measured_scores.main([str(pack), "--evaluation", str(tmp_path / "out")])
    sign(pack)
    stated = open_pack(pack, Trust.shipped()).spec.measured_scores
    (section,) = json.loads((folder / "scores.json").read_text("utf-8"))["sections"]
    assert stated is not None
    assert section["scores"] == [stated.at_least, stated.at_most]
    assert (section["readings"], stated.at_least > 0.6) == (4, True)  # the spots score so


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--out", "there"), "--set needs exactly one --pack"),
        (("--pack", "dr-fracture"), "--set needs --out"),
    ],
)
def test_one_set_is_for_one_pack_and_its_report_for_a_folder_of_its_own(
    words: tuple[str, ...], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--set", str(tmp_path), *words])
    assert wanted in capsys.readouterr().err


def test_a_malformed_set_is_told_in_one_line(tmp_path: Path) -> None:
    packs, films = spot_pack.write(tmp_path / "packs"), labelled_films(tmp_path / "set")
    (films / "two.png").unlink()
    with pytest.raises(SystemExit, match=r"labelled-file-missing: images\[1\]"):
        main(
            f"--packs {packs} --pack {spot_pack.NAME} --set {films} --out {tmp_path / 'o'}".split()
        )
