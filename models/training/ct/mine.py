"""Hard negatives: what a network marks in intact scans of the training patients.

`python -m models.training.ct.mine DATA NETWORK OUT --fold a` cuts patches at each mark, in several
poses, for `train --hard OUT`. Each scan is read as it is, in thick slices, and with a sharper and a
smoother kernel; what is cut has the kernel that was read.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from appliance.domain import VolumeRegion
from appliance.imaging import Volume
from models.training.ct.pack import FOLDER, detections, load
from models.training.ct.patches import intact_patch, save
from models.training.data.ct_scans import FOLDS, volumes
from models.training.simulation.acquisition import sharpened, smoothed, thickened

THICK_MM, SHARPER, SMOOTHER_MM = 5.0, 1.2, 0.9


def readings(volume: Volume) -> Iterator[tuple[str, Volume]]:
    """The scan as it is and as it might have been taken otherwise."""
    yield "as scanned", volume
    yield "sharp", sharpened(volume, SHARPER)
    yield "smooth", smoothed(volume, SMOOTHER_MM)
    thick = thickened(volume, THICK_MM)
    if thick is not volume:
        yield "thick", thick


def main() -> None:
    """Read the arguments and write one file of patches for each scan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fold", choices=sorted(FOLDS), default="a")
    parser.add_argument("--pack", type=Path, default=FOLDER, help="whose pack.yaml is used")
    parser.add_argument("--most", type=int, default=80, help="marks of one scan, the highest")
    parser.add_argument("--poses", type=int, default=4, help="patches of one mark")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    network = load(given.network)
    intact = (
        (patient, name, volume)
        for patient, scan in volumes(given.data, FOLDS[given.fold].training)
        for name, volume in readings(scan)
    )
    for number, (patient, name, volume) in enumerate(intact):
        rng = np.random.default_rng((11, number))
        places = np.array(
            [
                found.region.centre_lps_mm
                for found in detections(volume, network, given.pack)[: given.most]
                if isinstance(found.region, VolumeRegion)
            ]
        )
        print(f"{patient}, {name}: {len(places)} marks", flush=True)
        patches = [intact_patch(volume, place, rng) for place in places for _ in range(given.poses)]
        if patches:
            save(given.out / f"patches-{number:03d}.npz", patches)


if __name__ == "__main__":
    main()
