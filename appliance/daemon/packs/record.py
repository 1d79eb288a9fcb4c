"""Keeps in the ledger which packs the analyser uses and how they run, for whoever reports on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from appliance.clock import Clock
from appliance.domain import Execution, ModelIdentity
from appliance.errors import Notice, OsteonError
from appliance.ledger.models import ModelState, ModelStates


class ModelRecord:
    """What is wrong with a pack is said by the deliverer, once, from what stands here."""

    def __init__(self, ledger: ModelStates, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._states = {state.name: state for state in ledger.all()}
        self._down: dict[str, OsteonError] = {}

    def begin(self) -> None:
        """The packs are about to be verified and tried again."""
        self._down.clear()

    def pack_down(self, pack: str, error: OsteonError) -> None:
        """A pack may not be used, or does not run on this box at present."""
        self._down[pack] = error

    def settle(self, models: Mapping[str, ModelIdentity]) -> None:
        """Every pack has been verified and tried: what was said since `begin` is all."""
        names = models.keys() | self._down.keys()
        self._states = {name: self._settled(name, models.get(name)) for name in sorted(names)}
        self._ledger.keep(self._states.values())

    def ran(self, pack: str, execution: Execution) -> None:
        """A pack finished a reading, and so it is not down."""
        notice = Notice("device-fell-back", f"runs on {execution.device}")
        self._states[pack] = replace(
            self._states.get(pack, ModelState(pack)),
            code=notice.code if execution.fell_back else "",
            detail=notice.detail if execution.fell_back else "",
            runtime=execution.runtime,
            device=execution.device,
            ran_at=self._clock.now(),
        )
        self._ledger.keep(self._states.values())

    def _settled(self, name: str, identity: ModelIdentity | None) -> ModelState:
        known = self._states.get(name, ModelState(name))
        error = self._down.get(name)
        # That it fell back is known only from readings: it stands until one shows otherwise.
        fell_back = known.code == Notice("device-fell-back").code
        keeps = error is None and fell_back
        return replace(
            known,
            version=identity.version if identity else "",
            digest=identity.digest if identity else "",
            code=error.code if error else (known.code if keeps else ""),
            detail=error.detail if error else (known.detail if keeps else ""),
        )
