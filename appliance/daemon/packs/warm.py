"""The packs that this box reads with, each with its warm inference child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.config.schema import PackUse, Site
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.loading import Loaded, Loader, Model
from appliance.daemon.packs.places import PackPlaces, uses
from appliance.daemon.packs.record import ModelRecord
from appliance.domain import PackScope


@dataclass(frozen=True, slots=True)
class InUse:
    """What the gate and the reader may use.

    withheld: what recalled packs were for. unusable: codes of the packs that are wanted and of
    which nothing is known, not even what they are for; by pack name.
    """

    models: Mapping[str, Model]
    withheld: tuple[PackScope, ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[PackScope, ...]:
        """What the gate holds a study against."""
        running = (model.spec.scope for model in self.models.values())
        return (*running, *self.withheld)


class WarmModels:
    """The site's models, kept warm over everything that leaves their pack and settings alone."""

    def __init__(self, activation: Activation, loader: Loader, record: ModelRecord) -> None:
        self._activation = activation
        self._loader = loader
        self._record = record
        self._loaded: dict[str, Loaded] = {}
        self._doubted = False

    def of(self, site: Site) -> InUse:
        """The models of this site, each started and tried on its golden cases."""
        places = PackPlaces.of(site)
        wanted = {use.name: use for use in uses(site)}
        for name in tuple(self._loaded):
            use = wanted.get(name)
            if self._doubted or use is None or not self._is_current(self._loaded[name], use):
                self._close(name)
        self._doubted = False
        self._record.begin()
        for name, use in wanted.items():
            if name not in self._loaded:
                self._loaded[name] = self._loader.load(use, places)
        return self._settled()

    def adopt(self, name: str, loaded: Loaded) -> None:
        """Use a model that has been made warm elsewhere; its slot says so already."""
        self._close(name)
        self._loaded[name] = loaded

    def is_current(self, site: Site) -> bool:
        """Whether `of` would change nothing."""
        wanted = {use.name: use for use in uses(site)}
        return (
            not self._doubted
            and wanted.keys() == self._loaded.keys()
            and all(self._is_current(self._loaded[name], use) for name, use in wanted.items())
        )

    def doubt(self) -> None:
        """The keys that may sign packs have changed: `of` verifies every pack anew."""
        self._doubted = True

    def interrupt(self, name: str) -> None:
        """End the reading or the start under way, from any thread; the next starts a new child."""
        self._loader.interrupt(name)
        loaded = self._loaded.get(name)
        if loaded is not None and loaded.model is not None:
            loaded.model.host.close()

    def close(self) -> None:
        """End every inference child."""
        for name in tuple(self._loaded):
            self._close(name)

    def _is_current(self, loaded: Loaded, use: PackUse) -> bool:
        slot = self._activation.of(use.name)
        return loaded.use == use and loaded.ref == (slot.active if slot else None)

    def _close(self, name: str) -> None:
        loaded = self._loaded.pop(name, None)
        if loaded is not None and loaded.model is not None:
            loaded.model.host.close()

    def _settled(self) -> InUse:
        """Note how each pack stands, for whoever reports on it."""
        models: dict[str, Model] = {}
        for name, loaded in self._loaded.items():
            if loaded.model is not None:
                models[name] = loaded.model
                if loaded.error is not None and loaded.model.host.pid is None:
                    self._record.pack_down(name, loaded.error)
            elif loaded.error is not None:
                self._record.pack_down(name, loaded.error)
        self._record.settle({name: each.identity for name, each in models.items()})
        without = {name: each for name, each in self._loaded.items() if each.model is None}
        return InUse(
            models=models,
            withheld=tuple(each.withheld for each in without.values() if each.withheld),
            unusable={
                name: each.error.code
                for name, each in without.items()
                if each.withheld is None and each.error is not None
            },
        )
