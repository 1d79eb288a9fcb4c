"""Golden cases: what a pack must answer, on every runtime and device, before it reads a patient.

A network that answers nonsense (one bit of a weight flipped, a driver that computes wrongly, a
constant) raises no error by itself; here it does.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.domain import Detection
from appliance.errors import AnalysisError, PackError
from appliance.imaging import Film, Image, Volume
from appliance.inference.detections import centre, checked, from_json
from appliance.inference.pack import GoldenCase, Pack
from appliance.inference.pack_schema import Tolerance
from appliance.inference.steps import Network, reader


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What differed on one golden case; nothing when it passed."""

    name: str
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldenReport:
    """All golden cases of a pack on one runtime."""

    cases: tuple[CaseReport, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing differed anywhere, and there was something to look at."""
        return bool(self.cases) and not any(case.failures for case in self.cases)


def check_golden(pack: Pack, network: Network) -> GoldenReport:
    """Read every golden case with the pack's own reader and compare.

    Raises:
        PackError: `golden-invalid`, `reader-unknown`.
        AnalysisError: as the reader raises it.
    """
    read = reader(pack.spec.reader.name)
    reports = []
    for case in pack.golden:
        found = read(golden_image(case), network, pack.spec.reader.parameters)
        reports.append(
            CaseReport(
                case.name,
                differences(
                    expected_detections(case, pack),
                    tuple(checked(detection, pack.spec) for detection in found),
                    pack.spec.operating_point.report,
                    pack.spec.tolerance,
                ),
            )
        )
    return GoldenReport(tuple(reports))


def differences(
    expected: Sequence[Detection],
    found: Sequence[Detection],
    report: float,
    tolerance: Tolerance,
) -> tuple[str, ...]:
    """What differs by more than the tolerance, in words; pure.

    Each expected detection takes the nearest free one of its label within the tolerated distance.
    What lies, on both sides, below `report` minus the tolerated score does not count.
    """
    counts_from = report - tolerance.score
    free = list(found)
    failures = []
    for wanted in sorted(expected, key=lambda each: -each.score):
        near = [
            (distance, number)
            for number, each in enumerate(free)
            if each.label == wanted.label
            and (distance := math.dist(centre(each.region), centre(wanted.region)))
            <= tolerance.position
        ]
        if not near:
            if wanted.score >= counts_from:
                failures.append(f"missing: {wanted.label} {wanted.score:.3f}")
            continue
        match = free.pop(min(near)[1])
        if (
            max(match.score, wanted.score) >= counts_from
            and abs(match.score - wanted.score) > tolerance.score
        ):
            failures.append(f"score: {wanted.label} {wanted.score:.3f} became {match.score:.3f}")
    failures += [
        f"extra: {each.label} {each.score:.3f}" for each in free if each.score >= counts_from
    ]
    return tuple(failures)


def golden_image(case: GoldenCase) -> Image:
    """Decode a golden image. No pickle, whatever the file holds.

    Raises:
        PackError: `golden-invalid`.
    """
    try:
        with np.load(io.BytesIO(case.image), allow_pickle=False) as arrays:
            if "voxels" in arrays:
                return Volume(
                    arrays["voxels"].astype(np.int16, casting="safe"),
                    arrays["origin_lps_mm"].astype(np.float64),
                    arrays["axes"].astype(np.float64),
                )
            pixels = arrays["pixels"]
            spacing = arrays.get("spacing_mm")
    except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise PackError("golden-invalid", f"{case.name}: {type(error).__name__}") from None
    if pixels.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        raise PackError("golden-invalid", f"{case.name}: {pixels.dtype}")
    scaled = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    return Film(scaled, None if spacing is None else (float(spacing[0]), float(spacing[1])))


def expected_detections(case: GoldenCase, pack: Pack) -> tuple[Detection, ...]:
    """What the golden case must give.

    Raises:
        PackError: `golden-invalid`.
    """
    try:
        return from_json(json.loads(case.expected)["detections"], pack.spec)
    except (KeyError, TypeError, ValueError, AnalysisError) as error:
        raise PackError("golden-invalid", f"{case.name}: {type(error).__name__}") from None
