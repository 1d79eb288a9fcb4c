"""The real inference child on a machine with a graphics card whose driver misbehaves.

`OSTEON_TEST_CARD` says how: `wrong` computes wrongly, `dies` takes the process along when an image
has negative pixels, `missing` shows itself and then cannot be used.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from appliance.childprocess import serve
from appliance.clock import SystemClock
from appliance.inference import runtimes
from appliance.inference.device import Device
from appliance.inference.runtime import Runtime
from appliance.inference.worker import Worker
from tests.simulators import bright_squares, packs

BATCH = (1, 1, packs.SIDE, packs.SIDE)


class Card(Runtime):
    """Answers with the film itself."""

    errors = (RuntimeError,)

    @classmethod
    def devices(cls) -> frozenset[Device]:
        return frozenset({Device.GPU})

    def _load(self, network: bytes, device: Device) -> Any:
        assert (network, device) == (packs.good(), Device.GPU)
        self._misdeed = os.environ["OSTEON_TEST_CARD"]
        if self._misdeed == "missing":
            raise RuntimeError("no such card any more")
        return BATCH, BATCH

    def _infer(self, batch: Any) -> Any:
        if self._misdeed == "wrong":
            return np.zeros(BATCH, np.float32)
        if batch.min() < 0:
            os._exit(139)
        return batch


runtimes.register("card", Card)

if __name__ == "__main__":
    assert bright_squares.NAME
    serve(Worker(SystemClock()).handle)
