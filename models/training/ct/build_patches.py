"""Make the cached training patches: `python -m models.training.ct.build_patches DATA OUT --fold a`.

Seeded for each file, so a run that was stopped goes on where it was; training may begin meanwhile.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.inference.steps.ct_bone_mask import find_thorax
from models.training.ct.patches import (
    Patch,
    bent_patch,
    fractured_patch,
    intact_patch,
    save,
    wedge_patch,
)
from models.training.ct.sites import sites_of
from models.training.data.ct_scans import FOLDS, FROM_PACKAGES, LIDC, Scan, for_training, scans
from models.training.simulation.other_bones import sites_on_bone
from models.training.simulation.rib_sites import RibSite

CHUNK = 50
FRACTURED, BENT, INTACT_RIB, CAGE = 0.58, 0.05, 0.16, 0.13
"""Shares of the patches; the rest is intact round anything as dense as bone, wherever it lies."""
OTHER_BONES = 0.16
"""Share of a labelled scan's patches on sternum, clavicle, scapula and vertebrae."""
DENSE_FROM_HU = 220
WEDGES = 0.3
"""Of those, on vertebrae."""
SITES = 1500
"""Of each scan, from which patches are drawn."""
SCAN_WEIGHT = {
    LIDC: 0.29,
    "cmb-crc-msb-01068": 0.29,
    "acrin-flt-breast-001": 0.105,
    "tcga-e3-a3e5": 0.17,
    **dict.fromkeys(FROM_PACKAGES, 0.167),
}
"""Of each series; `acrin-flt-breast-001` has two."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A scan and where patches may lie in it: on ribs, on bone of the cage, on dense voxels."""

    scan: Scan
    sites: list[RibSite]
    cage_lps_mm: NDArray[np.float64]
    dense_lps_mm: NDArray[np.float64]
    others: list[tuple[RibSite, NDArray[np.bool_]]]


def main() -> None:
    """Read the arguments and make all files that are still missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fold", choices=sorted(FOLDS), default="a")
    parser.add_argument("--chunks", type=int, default=120, help=f"files of {CHUNK} patches")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(given.workers) as pool:
        jobs = [
            pool.submit(
                make_chunks,
                given.data,
                given.out,
                FOLDS[given.fold].training,
                range(n, given.chunks, given.workers),
            )
            for n in range(given.workers)
        ]
        for job in jobs:
            job.result()


def make_chunks(data: Path, out: Path, patients: tuple[str, ...], numbers: range) -> None:
    """Make the numbered files of `CHUNK` patches, each with its own seed."""
    sources = [_source(for_training(scan)) for scan in scans(data, patients)]
    weights = np.array([SCAN_WEIGHT[source.scan.patient] for source in sources])
    for number in numbers:
        target = out / f"patches-{number:03d}.npz"
        if target.exists():
            continue
        rng = np.random.default_rng((87, number))
        drawn = rng.choice(len(sources), CHUNK, p=weights / weights.sum())
        save(target, [_patch(sources[n], rng) for n in drawn])
        print(f"file {number}", flush=True)


def _source(scan: Scan) -> _Source:
    rng = np.random.default_rng(7)
    dense = np.argwhere(scan.volume.voxels > DENSE_FROM_HU)
    some = dense[rng.integers(0, len(dense), 20000)].astype(np.float64)
    cage = find_thorax(scan.volume).bone_lps_mm
    others = [
        (site, each.mask)
        for each in scan.others
        for site in sites_on_bone(
            scan.volume, each.mask, each.bone, count=SITES // 15, rng=rng, side=each.side
        )
    ]
    return _Source(scan, sites_of(scan, SITES, rng), cage, scan.volume.to_lps(some), others)


def _patch(source: _Source, rng: np.random.Generator) -> Patch:
    volume, bone = source.scan.volume, source.scan.bone
    if source.others and rng.uniform() < OTHER_BONES:
        return _other_bone(source, rng)
    lot = rng.uniform()
    if lot < FRACTURED + BENT + INTACT_RIB:
        site = source.sites[rng.integers(len(source.sites))]
        if lot < FRACTURED:
            return fractured_patch(volume, bone, site, rng)
        if lot < FRACTURED + BENT:
            return bent_patch(volume, bone, site, rng)
        return intact_patch(volume, np.array(site.centre_lps_mm), rng)
    on_cage = lot < FRACTURED + BENT + INTACT_RIB + CAGE
    places = source.cage_lps_mm if on_cage else source.dense_lps_mm
    return intact_patch(volume, places[rng.integers(len(places))], rng)


def _other_bone(source: _Source, rng: np.random.Generator) -> Patch:
    volume, broken = source.scan.volume, rng.uniform() < FRACTURED
    if rng.uniform() < WEDGES and source.scan.bodies:
        body = source.scan.bodies[rng.integers(len(source.scan.bodies))]
        if broken:
            return wedge_patch(volume, body, rng)
        return intact_patch(volume, np.array(body.centre_lps_mm), rng)
    site, mask = source.others[rng.integers(len(source.others))]
    if broken:
        return fractured_patch(volume, mask, site, rng)
    return intact_patch(volume, np.array(site.centre_lps_mm), rng)


if __name__ == "__main__":
    main()
