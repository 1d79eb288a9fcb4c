"""The film pack's reader alone, on real films: a limb that is read, and a chest that is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from appliance.errors import AnalysisError
from appliance.imaging import Film
from appliance.inference.device import Device
from appliance.inference.manifest import Trust
from appliance.inference.package import open_pack
from appliance.inference.runtimes.openvino import OpenVinoRuntime
from appliance.inference.steps import reader
from appliance.inference.steps.film_chest import shows_chest
from appliance.inference.steps.film_input import letterbox
from appliance.inference.steps.film_settings import settings
from appliance.labelled.films import read_film
from tests.bench.receiving import Figure
from tests.demo.downloads import real_images
from tests.simulators.box import ROOT

_TIMES = 9


def measure(_: Path) -> Iterator[Figure]:
    """Medians of nine; decoding and the child's start are not counted."""
    images = real_images()
    pack = open_pack(ROOT / "models" / "dr-fracture", Trust.shipped())
    network = OpenVinoRuntime(pack.network, Device.CPU)
    read, parameters = reader(pack.spec.reader.name), pack.spec.reader.parameters
    limb, chest = read_film(images.ankle), read_film(images.chest)

    def refused() -> None:
        try:
            read(chest, network, parameters)
        except AnalysisError:
            return
        raise RuntimeError("a chest was read as a limb")

    limb_s = _median(lambda: read(limb, network, parameters))
    yield f"film of {_size(limb)}: window, chest or not, network", f"{limb_s:.2f} s", ""
    shown = letterbox(limb.pixels, settings(parameters).side).shown
    yield "of this, looking for lungs", f"{_median(lambda: shows_chest(shown)):.3f} s", ""
    yield f"film of a chest, {_size(chest)}: until refused", f"{_median(refused):.2f} s", ""


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
