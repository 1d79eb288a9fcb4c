"""Every kind of object that the box sends passes the validators that PACS administrators use."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from appliance.domain import Bone, FractureType, Side
from appliance.pipeline.results.make import make_results
from appliance.pipeline.results.picture import draw_pictures
from appliance.pipeline.results.request import ResultKind, ResultRequest
from tests.simulators.readings import (
    ct_request,
    film,
    film_fracture,
    film_request,
    mixed,
    rib,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# pixelmed's style sheets are larger than what Java allows an XPath by default.
_JAVA = (
    "-Djdk.xml.xpathTotalOpLimit=0 "
    "-Djdk.xml.xpathExprOpLimit=0 "
    "-Djdk.xml.xpathExprGrpLimit=0 "
    "-XX:TieredStopAtLevel=1 "
    "-XX:+UseSerialGC"
)


def every_finding() -> Iterator[tuple[object, bool]]:
    """Each bone, each rib, each type and each side at least once."""
    bones = [(bone, None) for bone in Bone] + [(Bone.RIB, number) for number in range(1, 13)]
    for place, (bone, number) in enumerate(bones):
        kind = list(FractureType)[place % len(FractureType)]
        side = list(Side)[place % len(Side)]
        found = rib(number, bone=bone, kind=kind, side=side, score=0.99 - 0.02 * place)
        yield found, place % 2 == 0


def requests() -> dict[str, ResultRequest]:
    """One reading for each kind of object."""
    nobody = replace(film_request(((film_fracture(), False),)), attributes="{}")
    few = ct_request(tuple(every_finding())[:3])
    return {
        "mixed": mixed(few, film_request(((film_fracture(), True),))),
        "ct": ct_request(tuple(every_finding())),  # type: ignore[arg-type]
        "ct-below-threshold": ct_request(()),
        "films": film_request(
            tuple((film_fracture(bone=bone), True) for bone in Bone), film(), film(900, 300)
        ),
        "film-without-header": nobody,
    }


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of all objects, by name."""
    folder = tmp_path_factory.mktemp("objects")
    files = {}
    for name, request in requests().items():
        for number, made in enumerate(make_results(request, draw_pictures(request))):
            key = f"{name}-{made.kind}-{number}"
            files[key] = folder / f"{key}.dcm"
            files[key].write_bytes(made.part10)
    assert sum(str(ResultKind.PICTURE) in key for key in files) == 3 + 3 + 3 + 1 + 1
    return files


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="Debian package dicom3tools missing")
def test_dciodvfy_reports_no_error(objects: dict[str, Path]) -> None:
    for name, file in objects.items():
        done = subprocess.run(["dciodvfy", file], capture_output=True, text=True, check=False)
        report = done.stdout + done.stderr
        assert "SCImage" in report or "Comprehensive3DSR" in report, (name, report)
        assert not [line for line in report.splitlines() if line.startswith("Error")], name


@pytest.mark.skipif(
    shutil.which("DicomSRValidator") is None, reason="Debian package pixelmed-apps missing"
)
@pytest.mark.timeout(300)  # three runs of Java, seconds each on a free machine
def test_pixelmed_reports_no_error(objects: dict[str, Path]) -> None:
    # It takes seconds for each file: a few groups of each kind of image stand for all.
    reports = ["mixed-report-0", "mixed-report-1", "ct-below-threshold-report-0"]
    with ThreadPoolExecutor(2) as pool:
        for name, report in zip(
            reports, pool.map(lambda name: _pixelmed(objects[name]), reports), strict=True
        ):
            assert "Found Root Template TID_1500" in report, (name, report)
            assert "Root Template Validation Complete" in report, (name, report)
            assert "Error" not in report, (name, report)


def _pixelmed(file: Path) -> str:
    done = subprocess.run(
        ["DicomSRValidator", file],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JAVA_TOOL_OPTIONS": _JAVA},
    )
    return done.stdout + done.stderr
