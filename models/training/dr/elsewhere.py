"""What a network says of whole DICOM films from other collections: its strongest box in each.

    python -m models.training.dr.elsewhere --pack FOLDER FILE.dcm ...

`--broken-ankle RG3_UNCR.dcm` adds the demo's film with and without its simulated break.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import ImplicitVRLittleEndian

from appliance.errors import AnalysisError
from appliance.imaging import Film
from appliance.inference.steps import Network, Parameters
from appliance.inference.steps.film_centre_heatmap import read
from models.training.dr.runtimes import PACK, parameters, with_openvino
from models.training.simulation.ankle import broken_ankle


def pixels_of(dataset: pydicom.Dataset) -> NDArray[np.float32]:
    """A DICOM film as the box sees it: (rows, columns), brighter = denser, in [0, 1]."""
    dataset.file_meta.setdefault("TransferSyntaxUID", ImplicitVRLittleEndian)  # bare, as of old
    stored = dataset.pixel_array.astype(np.float32)
    if stored.ndim == 3:
        stored = stored.mean(axis=2)
    stored = (stored - stored.min()) / np.ptp(stored)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        stored = 1 - stored
    return np.asarray(stored, dtype=np.float32)


def _tell(name: str, dataset: pydicom.Dataset, network: Network, wanted: Parameters) -> None:
    film = Film(pixels_of(dataset), None)
    rows, columns = film.pixels.shape
    begun = time.monotonic()
    try:
        said = read(film, network, wanted)
    except AnalysisError as error:
        print(f"{name:45s} {rows} x {columns}  not read: {error}")
        return
    took = time.monotonic() - begun
    strongest = ", ".join(
        f"{d.score:.2f} at {d.region.left:.0f}-{d.region.right:.0f}"  # type: ignore[union-attr]
        f" x {d.region.top:.0f}-{d.region.bottom:.0f}"  # type: ignore[union-attr]
        for d in said[:3]
    )
    print(f"{name:45s} {rows} x {columns}  {took:.2f} s  {strongest}")


def main() -> None:
    """One line for each film."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pack", type=Path, default=PACK)
    options.add_argument("--broken-ankle", type=Path)
    options.add_argument("films", type=Path, nargs="*")
    given = options.parse_args()
    network = with_openvino((given.pack / "network.onnx").read_bytes())
    wanted = parameters(given.pack)
    for path in given.films:
        _tell(path.name, pydicom.dcmread(path, force=True), network, wanted)
    if given.broken_ankle:
        intact = pydicom.dcmread(given.broken_ankle)
        _tell("RG3", intact, network, wanted)
        _tell("RG3 with a simulated break", broken_ankle(intact), network, wanted)


if __name__ == "__main__":
    main()
