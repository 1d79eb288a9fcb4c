"""What a network says of cubes of a CT: asked in batches, looked through before it is believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from appliance.errors import AnalysisError
from appliance.imaging import Volume
from appliance.inference.steps import Network
from appliance.inference.steps.ct_settings import Settings
from appliance.inference.steps.ct_tiles import cut_cube

WINDOW_HU = (-500.0, 1300.0)
ROUNDING = 1e-4
"""By which a runtime's probabilities may leave [0, 1]."""


def normalised(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hounsfield units → the network's input, about [-1, 1]."""
    low, high = WINDOW_HU
    return ((np.clip(hu, low, high) - (low + high) / 2) / ((high - low) / 2)).astype(np.float32)


def cubes_at(
    volume: Volume, corners_lps_mm: Iterable[NDArray[np.float64]], settings: Settings
) -> Iterator[NDArray[np.float32]]:
    """The network's input (edge, edge, edge) for each corner, as `cut_cube`."""
    for corner in corners_lps_mm:
        yield normalised(cut_cube(volume, corner, settings.cube, settings.spacing_mm))


def answers(
    network: Network, cubes: Iterable[NDArray[np.float32]], settings: Settings
) -> Iterator[NDArray[np.float32]]:
    """For each cube its answer (1 + types, cells, cells, cells), values in [0, 1].

    Raises:
        AnalysisError: `network-answer-invalid`.
    """
    edge, rest = settings.cube, iter(cubes)
    while some := list(islice(rest, settings.batch)):
        # The last batch is filled up with air: the network's batch size is fixed.
        batch = np.full((settings.batch, 1, edge, edge, edge), -1.0, dtype=np.float32)
        batch[: len(some), 0] = some
        yield from _believed(np.asarray(network(batch)), settings)[: len(some)]


def _believed(answer: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    cells = settings.cube // settings.cell
    if answer.shape != (settings.batch, 1 + len(settings.types), cells, cells, cells):
        raise AnalysisError("network-answer-invalid", f"shape {answer.shape}")
    if not np.isfinite(answer).all():
        raise AnalysisError("network-answer-invalid", "not finite")
    if answer.min() < -ROUNDING or answer.max() > 1 + ROUNDING:
        values = f"from {answer.min():.3g} to {answer.max():.3g}"
        raise AnalysisError("network-answer-invalid", values)
    return np.clip(answer, 0, 1)
