"""The readers alone: a chest CT; a film of a limb that is read, and of a chest that is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from appliance.errors import AnalysisError
from appliance.imaging import Film
from appliance.inference.device import Device
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.package import open_pack
from appliance.inference.runtimes.openvino import OpenVinoRuntime
from appliance.inference.steps import reader
from appliance.inference.steps.film_chest import shows_chest
from appliance.inference.steps.film_input import letterbox
from appliance.inference.steps.film_settings import settings
from appliance.labelled.films import read_film
from models.training.data.volumes import lidc_volume
from tests.bench.receiving import Figure
from tests.demo.downloads import RealImages, real_images
from tests.simulators.box import ROOT

_TIMES = 9
_SCAN_TIMES = 3


def measure(_: Path) -> Iterator[Figure]:
    """Medians; decoding and the child's start are not counted."""
    images = real_images()
    yield from _scan(images)
    yield from _films(images)


def _scan(images: RealImages) -> Iterator[Figure]:
    pack, network = _opened("ct-thorax-fracture")
    read, parameters = reader(pack.spec.reader.name), pack.spec.reader.parameters
    spent, whole = [], []
    volume = lidc_volume(images.lidc)

    def timed(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        began = time.perf_counter()
        answer = network(batch)
        spent[-1] += time.perf_counter() - began
        return answer

    for _ in range(_SCAN_TIMES):
        spent.append(0.0)
        began = time.perf_counter()
        read(volume, timed, parameters)
        whole.append(time.perf_counter() - began)
    slices = len(volume.voxels)
    yield f"CT of {slices} slices, read", f"{median(whole):.1f} s", ""
    yield "of this, the network", f"{median(spent):.1f} s", "6 s"


def _films(images: RealImages) -> Iterator[Figure]:
    pack, network = _opened("dr-fracture")
    read, parameters = reader(pack.spec.reader.name), pack.spec.reader.parameters
    limb, chest = read_film(images.ankle), read_film(images.chest)

    def refused() -> None:
        try:
            read(chest, network, parameters)
        except AnalysisError:
            return
        raise RuntimeError("a chest was read as a limb")

    limb_s = _median(lambda: read(limb, network, parameters))
    yield f"film of {_size(limb)}: window, chest or not, network", f"{limb_s:.2f} s", "0.3 s"
    shown = letterbox(limb.pixels, settings(parameters).side).shown
    yield "of this, looking for lungs", f"{_median(lambda: shows_chest(shown)):.3f} s", ""
    yield f"film of a chest, {_size(chest)}: until refused", f"{_median(refused):.2f} s", ""


def _opened(name: str) -> tuple[Pack, OpenVinoRuntime]:
    pack = open_pack(ROOT / "models" / name, Trust.shipped())
    return pack, OpenVinoRuntime(pack.network, Device.CPU)


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_TIMES + 1):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:])


def _size(film: Film) -> str:
    rows, columns = film.pixels.shape
    return f"{rows} × {columns}"  # noqa: RUF001 - the sign of the table
