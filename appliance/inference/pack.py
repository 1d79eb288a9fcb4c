"""A model pack in memory, as everything after its verification sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.domain import ModelIdentity
from appliance.inference.pack_schema import PackSpec


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """One golden case as it lies in the pack, still encoded: see `appliance.inference.golden`."""

    name: str
    image: bytes = field(repr=False)
    expected: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pack:
    """A verified pack; only `appliance.inference.package.open_pack` makes one from files."""

    identity: ModelIdentity
    spec: PackSpec
    network: bytes = field(repr=False)
    golden: tuple[GoldenCase, ...]
