"""The box's own structured reports, read back: what was said is what is scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.domain import Bone, FilmRegion, FractureType, Side, VolumeRegion
from appliance.errors import LabelledSetError
from appliance.labelled import Report, read_report
from appliance.pipeline.results.make import make_results
from appliance.pipeline.results.request import ResultRequest
from tests.simulators import objects
from tests.simulators.decoding import part10
from tests.simulators.readings import ct_request, film_fracture, film_request, rib

PICTURE = np.zeros((60, 80, 3), np.uint8)


def read_back(request: ResultRequest, folder: Path) -> Report:
    file = folder / "report.dcm"
    file.write_bytes(make_results(request, [])[0].part10)
    return read_report(file)


def test_findings_in_a_ct(tmp_path: Path) -> None:
    said = (
        rib(7),
        rib(None, side=Side.RIGHT, score=0.4, kind=FractureType.BUCKLE),
    )
    request = ct_request(tuple((each, False) for each in said))
    found = read_back(request, tmp_path)
    assert len(found.marks) == len(said)
    for wanted, mark in zip(sorted(said, key=lambda each: -each.score), found.marks, strict=True):
        assert (mark.bone, mark.side, mark.rib_number) == (
            wanted.bone,
            wanted.side,
            wanted.rib_number,
        )
        assert mark.type is wanted.type
        assert mark.score == pytest.approx(wanted.score, abs=1e-4)
        assert isinstance(mark.region, VolumeRegion)
        assert isinstance(wanted.region, VolumeRegion)
        away = np.subtract(mark.region.centre_lps_mm, wanted.region.centre_lps_mm)
        assert np.linalg.norm(away) < 3.0  # a report's rectangle lies on the nearest slice
    assert found.models == {detections.model for detections in request.read.detections}


def test_findings_on_a_film(tmp_path: Path) -> None:
    said = film_fracture(0.91, Bone.HAND)
    (mark,) = read_back(film_request(((said, True),)), tmp_path).marks
    assert isinstance(said.region, FilmRegion)
    assert isinstance(mark.region, FilmRegion)
    for edge in ("left", "top", "right", "bottom"):
        assert getattr(mark.region, edge) == pytest.approx(getattr(said.region, edge))
    assert (mark.bone, mark.type) == (said.bone, said.type)


def test_a_report_without_findings(tmp_path: Path) -> None:
    assert read_back(ct_request(()), tmp_path) == Report((), frozenset())


def test_other_objects_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.dcm"
    whole = make_results(ct_request(((rib(7), True),)), [])[0].part10
    others = (
        b"",
        b"text",
        part10(objects.film()),
        make_results(ct_request(()), [PICTURE])[1].part10,
    )
    for content in (*others, whole.replace(b"111012", b"111013"), whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(LabelledSetError, match="labelled-report-invalid"):
            read_report(file)
