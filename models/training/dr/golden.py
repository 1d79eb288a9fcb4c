"""Write the pack's golden cases: films of `val`, and what the network says of them here.

python -m models.training.dr.golden --data FRACATLAS --pack FOLDER fractured-hand=IMG1.jpg ...

Each NAME=IMAGE becomes `golden/NAME.npz` and `golden/NAME.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from appliance.imaging import Film
from appliance.inference.detections import to_json
from appliance.inference.steps.film_centre_heatmap import read
from models.training.dr.runtimes import parameters, with_onnxruntime


def main() -> None:
    """One npz and one JSON for each name."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--pack", type=Path, required=True)
    options.add_argument("cases", nargs="+", metavar="NAME=IMAGE")
    given = options.parse_args()
    network = with_onnxruntime((given.pack / "network.onnx").read_bytes())
    wanted = parameters(given.pack)
    for case in given.cases:
        name, image = case.split("=")
        with Image.open(given.data / "images" / image) as opened:
            pixels = np.asarray(opened.convert("L"))
        said = read(Film(np.divide(pixels, 255, dtype=np.float32), None), network, wanted)
        np.savez_compressed(given.pack / "golden" / f"{name}.npz", pixels=pixels)
        expected = json.dumps({"detections": to_json(said)}, indent=1)
        (given.pack / "golden" / f"{name}.json").write_text(expected + "\n")
        print(name, [round(detection.score, 3) for detection in said])


if __name__ == "__main__":
    main()
