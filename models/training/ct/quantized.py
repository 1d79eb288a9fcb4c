r"""What quantization costs, type by type: the same breaks through float32 and through INT8.

    python -m models.training.ct.quantized DATA network.fp32.onnx network.onnx \
        > models/evaluation/ct-thorax-fracture/quantized.md

Only cubes round the breaks of the patients that were kept apart are read, and the same places in
their intact scans: some minutes, where whole scans take an hour. So it says how far the two
networks are apart, and nothing of false positives elsewhere; `models.training.evaluate --float32`
reads whole scans. A break's score is the highest within 15 mm of it, of the cells that the reader
believes; the cube is centred on the break, where the reader's may lie anywhere.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.domain import Vector
from appliance.imaging import Volume
from appliance.inference.steps import Network
from appliance.inference.steps.ct_answers import normalised
from appliance.inference.steps.ct_settings import Settings
from appliance.inference.steps.ct_tiles import cut_cube
from appliance.inference.steps.platt import calibrated
from models.training.ct.evaluate import HIT, THICK_MM, fractured
from models.training.ct.pack import FOLDER, RUNTIMES, load, operating_point, parameters
from models.training.data.ct_scans import FOLDS, Scan, scans
from models.training.simulation.acquisition import thickened

INTACT = "the same places, intact"


@dataclass(frozen=True, slots=True)
class Pair:
    """One place as both networks score it."""

    kind: str
    full: float
    int8: float


def places(scan: Scan, reads: int) -> Iterator[tuple[str, Volume, tuple[Vector, ...]]]:
    """Kind, volume and breaks: as scanned and in thick slices, each place intact too."""
    for seed in range(reads):
        volume, made = fractured(scan, seed)
        images = [(volume, scan.volume)]
        thick = thickened(volume, THICK_MM)
        if thick is not volume:
            images.append((thick, thickened(scan.volume, THICK_MM)))
        for image, intact in images:
            for fracture in made:
                yield fracture.type.value, image, fracture.centres_lps_mm
                yield INTACT, intact, fracture.centres_lps_mm


def highest_near(
    network: Network, volume: Volume, breaks: Sequence[Vector], settings: Settings
) -> float:
    """The highest score within 15 mm of a break, over one cube for each of them."""
    edge, step = settings.cube, settings.spacing_mm
    batch = np.full((settings.batch, 1, edge, edge, edge), -1.0, np.float32)
    for number, place in enumerate(breaks):
        corner = np.array(place) - (edge - 1) / 2 * step
        batch[number, 0] = normalised(cut_cube(volume, corner, edge, step))
    heat = np.asarray(network(batch))[: len(breaks), 0]
    highest = heat[:, _near(settings)].max()
    return float(calibrated(highest, settings.slope, settings.offset))


def _near(settings: Settings) -> NDArray[np.bool_]:
    """The cells of a cube that are believed, and near enough to its centre to be a hit."""
    cells = np.arange(settings.cube // settings.cell)
    away = ((cells + 0.5) * settings.cell - settings.cube / 2) * settings.spacing_mm
    near = np.hypot(np.hypot(away[:, None, None], away[:, None]), away) <= HIT.mm
    rim = settings.margin // settings.cell
    believed = np.zeros_like(near)
    inner = slice(rim, -rim or None)
    believed[inner, inner, inner] = True
    return near & believed


def table(pairs: Sequence[Pair], points: Mapping[str, float]) -> Iterator[str]:
    """Markdown: for each kind how many places, their scores, and how many reach each point."""
    head = ["kind", "places", "mean float32", "mean INT8", "mean difference", "largest"]
    head += [f"{name}: float32, INT8" for name in points]
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    kinds = sorted({pair.kind for pair in pairs} - {INTACT})
    broken = [pair for pair in pairs if pair.kind != INTACT]
    rows = {kind: [pair for pair in pairs if pair.kind == kind] for kind in (*kinds, INTACT)}
    for kind, some in {"all breaks": broken, **rows}.items():
        if not some:
            continue
        full = np.array([pair.full for pair in some])
        int8 = np.array([pair.int8 for pair in some])
        cells = [kind, str(len(some)), f"{full.mean():.3f}", f"{int8.mean():.3f}"]
        cells += [f"{(int8 - full).mean():+.3f}", f"{np.abs(int8 - full).max():.3f}"]
        cells += [f"{(full >= least).sum()}, {(int8 >= least).sum()}" for least in points.values()]
        yield f"| {' | '.join(cells)} |"


def header(full: bytes, int8: bytes, runtime: str, patients: Sequence[str]) -> Iterator[str]:
    """What was compared, and what it does not say."""
    yield "# INT8 beside float32, type by type\n"
    yield (
        "Investigational, not for diagnosis. Made by `models.training.ct.quantized`; do not edit. "
        f"Float32 `{hashlib.sha256(full).hexdigest()}`, INT8 `{hashlib.sha256(int8).hexdigest()}`, "
        f"{runtime} on the CPU.\n"
    )
    yield (
        f"**Simulated fractures in real scans** of {', '.join(patients)}, which were kept apart: "
        "made as for the report's first section, as scanned and in thick slices, and the same "
        "places intact. One cube is read round each break, not the scan: a score is the highest "
        f"within {HIT.mm:g} mm of a break. False positives elsewhere, and so FROC, are not in it.\n"
    )


def main() -> None:
    """Read the arguments, score every place with both networks, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("full", type=Path, help="in float32")
    parser.add_argument("int8", type=Path)
    parser.add_argument("--pack", type=Path, default=FOLDER, help="whose pack.yaml is used")
    parser.add_argument("--fold", choices=sorted(FOLDS), default="a")
    parser.add_argument("--runtime", default="openvino", choices=sorted(RUNTIMES))
    parser.add_argument("--reads", type=int, default=2)
    given = parser.parse_args()
    settings = Settings.of(parameters(given.pack))
    patients = FOLDS[given.fold].evaluation
    for line in header(given.full.read_bytes(), given.int8.read_bytes(), given.runtime, patients):
        print(line)
    full, int8 = load(given.full, given.runtime), load(given.int8, given.runtime)
    pairs = [
        Pair(
            kind,
            highest_near(full, volume, breaks, settings),
            highest_near(int8, volume, breaks, settings),
        )
        for scan in scans(given.data, patients)
        if scan.ribs
        for kind, volume, breaks in places(scan, given.reads)
    ]
    report, alert = operating_point(given.pack)
    for line in table(pairs, {f"from {report:g}": report, f"from {alert:g}": alert}):
        print(line)


if __name__ == "__main__":
    main()
