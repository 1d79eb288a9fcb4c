"""Places on the ribs of a scan where fractures are made, for training and for measuring."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.training.data.ct_scans import Scan
from models.training.simulation.lungs import Lungs
from models.training.simulation.rib_sites import RibSite, sites_on_ribs


def sites_of(scan: Scan, count: int, rng: np.random.Generator) -> list[RibSite]:
    """About `count` places on ribs; beside lung only, where the bones are not told apart."""
    lungs = Lungs.of(scan.volume)
    centre = scan.volume.to_lps(np.argwhere(scan.bone)[::50].astype(np.float64)).mean(axis=0)
    return [
        site
        for rib in scan.ribs
        for site in sites_on_ribs(
            scan.volume,
            rib.mask,
            axis_x_mm=float(centre[0]),
            axis_y_mm=float(centre[1]),
            count=max(4, count // len(scan.ribs)),
            rng=rng,
            side=rib.side,
            rib_number=rib.number,
        )
        if rib.number is not None or lungs.are_beside(site)
    ]


def far_apart(sites: list[RibSite], apart_mm: float, rng: np.random.Generator) -> Iterator[RibSite]:
    """The sites in random order, none nearer than `apart_mm` to an earlier one."""
    chosen: list[RibSite] = []
    for number in rng.permutation(len(sites)):
        site = sites[number]
        apart = (
            np.linalg.norm(np.subtract(site.centre_lps_mm, each.centre_lps_mm)) for each in chosen
        )
        if all(distance >= apart_mm for distance in apart):
            chosen.append(site)
            yield site
