"""Make the cached training patches: `python -m models.training.ct.build_patches DATA OUT`.

Seeded for each patch, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.inference.steps.ct_bone_mask import find_thorax
from models.training.ct.patches import Patch, bent_patch, fractured_patch, intact_patch, save
from models.training.data.ct_scans import TRAINING, Scan, scans
from models.training.simulation.rib_sites import RibSite, sites_on_ribs

CHUNK = 100
FRACTURED, BENT = 0.58, 0.10
SCAN_WEIGHT = {"lidc-idri-0087": 0.52, "acrin-flt-breast-001": 0.18, "tcga-e3-a3e5": 0.12}
"""Of each series; the second patient has two."""


def main() -> None:
    """Read the arguments and make all chunks that are still missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--chunks", type=int, default=36)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--intact-ribs", action="store_true", help="only intact patches, round sites on ribs"
    )
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    workers = range(chosen.workers)
    with ProcessPoolExecutor(chosen.workers) as pool:
        jobs = [
            pool.submit(
                make_chunks,
                chosen.data,
                chosen.out,
                range(n, chosen.chunks, chosen.workers),
                intact_ribs=chosen.intact_ribs,
            )
            for n in workers
        ]
        for job in jobs:
            job.result()


def make_chunks(data: Path, out: Path, numbers: range, *, intact_ribs: bool) -> None:
    """Make the numbered chunks of `CHUNK` patches, each with its own seed.

    intact_ribs: what a network needs to tell a fracture from a mere piece of rib.
    """
    loaded = list(scans(data, TRAINING))
    pools = [_sites(scan) for scan in loaded]
    bones = [find_thorax(scan.volume).bone_lps_mm for scan in loaded]
    weights = np.array([SCAN_WEIGHT[scan.patient] for scan in loaded])
    for number in numbers:
        target = out / f"patches-{number:03d}.npz"
        if target.exists():
            continue
        rng = np.random.default_rng((87, number, 1) if intact_ribs else (87, number))
        chunk = []
        while len(chunk) < CHUNK:
            n = int(rng.choice(len(loaded), p=weights / weights.sum()))
            if intact_ribs:
                site = pools[n][rng.integers(len(pools[n]))]
                chunk.append(intact_patch(loaded[n].volume, np.array(site.centre_lps_mm), rng))
            else:
                chunk.append(_patch(loaded[n], pools[n], bones[n], rng))
        save(target, chunk)
        print(f"chunk {number}", flush=True)


def _sites(scan: Scan) -> list[RibSite]:
    rng = np.random.default_rng(7)
    centre = scan.volume.to_lps(np.argwhere(scan.bone)[::50].astype(np.float64)).mean(axis=0)
    wanted = 400 // len(scan.ribs)
    return [
        site
        for rib in scan.ribs
        for site in sites_on_ribs(
            scan.volume,
            rib.mask,
            axis_x_mm=float(centre[0]),
            axis_y_mm=float(centre[1]),
            count=wanted,
            rng=rng,
            side=rib.side,
            rib_number=rib.number,
        )
    ]


def _patch(
    scan: Scan, sites: list[RibSite], bone: NDArray[np.float64], rng: np.random.Generator
) -> Patch:
    lot = rng.uniform()
    if lot < FRACTURED + BENT:
        site = sites[rng.integers(len(sites))]
        make = fractured_patch if lot < FRACTURED else bent_patch
        return make(scan.volume, scan.bone, site, rng)
    return intact_patch(scan.volume, bone[rng.integers(len(bone))], rng)


if __name__ == "__main__":
    main()
