"""Write the pack's golden cases: `python -m models.training.ct.golden LIDC_FOLDER`.

A piece of the demonstration's CT, with and without the fracture, small enough to ship: noise that
carries nothing (lung, air, steps below 8 HU) is taken out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from appliance.imaging import Volume
from appliance.inference.detections import to_json
from models.training.ct.pack import FOLDER, detections, load
from models.training.simulation.chest_case import chest_case

REACH_MM = np.array((28.0, 62.0, 75.0))
"""Half of the piece along (slice, row, column)."""
INWARD_MM = 45.0
STEP_HU = 8
LUNG_BELOW_HU, LUNG_HU, AIR_BELOW_HU, AIR_HU, HIGHEST_HU = -700, -850, -950, -1000, 1400


def piece(volume: Volume, centre_lps_mm: tuple[float, float, float]) -> Volume:
    """The surroundings of a place, simplified."""
    centre = volume.to_index(np.array(centre_lps_mm))
    reach = REACH_MM / np.array(volume.spacing_mm)
    first = np.maximum(np.floor(centre - reach).astype(int), 0)
    last = np.minimum(np.ceil(centre + reach).astype(int), volume.voxels.shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    hu = volume.voxels[z, y, x].astype(np.int32)
    simple = np.clip((hu + STEP_HU // 2) // STEP_HU * STEP_HU, AIR_HU, HIGHEST_HU)
    simple[hu < LUNG_BELOW_HU] = LUNG_HU
    simple[hu < AIR_BELOW_HU] = AIR_HU
    return Volume(simple.astype(np.int16), volume.to_lps(first.astype(np.float64)), volume.axes)


def main() -> None:
    """Read the arguments and write two images and what the network says of them here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lidc", type=Path)
    parser.add_argument("--pack", type=Path, default=FOLDER)
    given = parser.parse_args()
    network = load(given.pack / "network.onnx", "onnxruntime")
    case = chest_case(given.lidc)
    x, y, z = case.fracture.site.centre_lps_mm
    # Towards the lung: the recogniser needs some of it.
    inward = np.sign(x) * INWARD_MM
    for name, volume in (("displaced", case.fractured), ("intact", case.intact)):
        part = piece(volume, (float(x - inward), y, z))
        target = given.pack / "golden" / f"{name}.npz"
        np.savez_compressed(
            target, voxels=part.voxels, origin_lps_mm=part.origin_lps_mm, axes=part.axes
        )
        found = detections(part, network, given.pack)
        expected = json.dumps({"detections": to_json(found)}, indent=1)
        target.with_suffix(".json").write_text(expected + "\n", encoding="utf-8")
        size = target.stat().st_size // 1000
        print(name, size, "kB", [round(each.score, 3) for each in found])


if __name__ == "__main__":
    main()
