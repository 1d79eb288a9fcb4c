"""The packs that this box runs, each with its warm inference child."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance import journal
from appliance.clock import Clock
from appliance.config.schema import Packs, PackUse, Site
from appliance.daemon.model_record import ModelRecord
from appliance.domain import ModelIdentity
from appliance.errors import AnalysisError, OsteonError, PackError
from appliance.inference.host import InferenceHost
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.pack_schema import PackSpec
from appliance.inference.package import open_pack
from appliance.inference.starting import HostSettings
from appliance.pipeline.alert import OperatingPoint

Unusable = Callable[[str, OsteonError], None]
"""Told of a pack that cannot be used, by its name, and why."""


@dataclass(frozen=True, slots=True)
class Model:
    """One verified pack and the host that runs it."""

    identity: ModelIdentity
    spec: PackSpec
    point: OperatingPoint
    host: InferenceHost


def load_models(site: Site, clock: Clock, unusable: Unusable) -> Mapping[str, Model]:
    """Verify every pack that the site uses.

    One that cannot be verified is left out, and a person is told: its studies then end as "could
    not analyse", since no pack is there for what the gate recognises.
    """
    trust = Trust.shipped()
    folder = Path(site.packs.folder)
    models: dict[str, Model] = {}
    for use in uses(site):
        try:
            pack = open_pack(folder / use.name, trust)
        except PackError as error:
            journal.fail("pack-refused", model=use.name, code=error.code)
            unusable(use.name, error)
        else:
            models[use.name] = _model(pack, use, clock)
    return models


def uses(site: Site) -> tuple[PackUse, ...]:
    """The packs that the site names; where it names none, all that lie in the folder."""
    return site.packs.use or tuple(
        PackUse(name=place.parent.name)
        for place in sorted(Path(site.packs.folder).glob("*/pack.yaml"))
    )


def host_settings(use: PackUse) -> HostSettings:
    """How the site wants a pack to run."""
    return HostSettings(use.device, None if use.runtime == "auto" else use.runtime)


def warm_up(models: Mapping[str, Model], unusable: Unusable) -> None:
    """Start every inference child and pass the golden cases, so that no study waits for it."""
    for name, model in models.items():
        try:
            model.host.warm_up()
        except AnalysisError as error:
            journal.fail("pack-down", model=name, code=error.code)
            unusable(name, error)


class WarmModels:
    """The site's models, kept warm over every reload that leaves `packs` as it was."""

    def __init__(self, clock: Clock, record: ModelRecord) -> None:
        self._clock = clock
        self._record = record
        self._packs: Packs | None = None
        self._models: Mapping[str, Model] = {}

    def of(self, site: Site) -> Mapping[str, Model]:
        """The models of this site, each started and tried on its golden cases."""
        if site.packs != self._packs:
            self.close()
            self._record.begin()
            self._models = load_models(site, self._clock, self._record.pack_unusable)
            self._packs = site.packs
            warm_up(self._models, self._record.pack_down)
            self._record.settle({name: each.identity for name, each in self._models.items()})
        return self._models

    def close(self) -> None:
        """End every inference child."""
        for model in self._models.values():
            model.host.close()
        self._models = {}


def _model(pack: Pack, use: PackUse, clock: Clock) -> Model:
    own = pack.spec.operating_point
    alert = own.alert if use.alert_threshold is None else max(own.report, use.alert_threshold)
    return Model(
        identity=pack.identity,
        spec=pack.spec,
        point=OperatingPoint(own.report, alert),
        host=InferenceHost(pack, host_settings(use), clock),
    )
