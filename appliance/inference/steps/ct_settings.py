"""What a pack says in `reader.parameters` of the reader `ct-bone-patches`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.domain import FractureType
from appliance.errors import PackError
from appliance.inference.steps import Parameters


@dataclass(frozen=True, slots=True)
class Settings:
    """The pack's parameters.

    batch: cubes for one call of the network. cube: voxels along an edge; spacing_mm: between them.
    margin: voxels at each side in which the network sees too little to be believed.
    cell: voxels of one cell of the answer, along an edge.
    floor: score below which nothing is kept. again: how many marks at most are looked at once more;
    none where it is 0. mirrored_from: score from which they are looked at mirrored as well.
    apart_mm: nearer marks are one finding.
    extent_mm: edge of the region that is reported.
    types: of fractures, in the order of the answer's further channels; none where it has one only.
    sure: of each type, the probability from which it is told; infinite where it never is.
    slope, offset: of Platt's calibration of what the network says; `floor` is before it.
    """

    label: str
    batch: int
    cube: int
    spacing_mm: float
    margin: int
    cell: int
    floor: float
    apart_mm: float
    extent_mm: float
    types: tuple[FractureType, ...]
    sure: tuple[float, ...]
    slope: float
    offset: float
    again: int
    mirrored_from: float

    @classmethod
    def of(cls, parameters: Parameters) -> Settings:
        """Take them from the pack; `PackError` (`reader-parameters`) where they cannot be."""
        if unknown := set(parameters) - set(cls.__dataclass_fields__):
            # Of a later version: what it means cannot be left out.
            raise PackError("reader-parameters", f"unknown: {', '.join(sorted(unknown))}")
        try:
            settings = cls._from(parameters)
        except (KeyError, ValueError) as wrong:
            raise PackError("reader-parameters", str(wrong)) from wrong
        inner = settings.cube - 2 * settings.margin
        sizes = (settings.batch, settings.cell, inner, settings.again + 1)
        if min(sizes) < 1 or settings.cube % settings.cell:
            raise PackError("reader-parameters", "sizes that do not fit each other")
        if settings.spacing_mm <= 0 or settings.extent_mm <= 0:
            raise PackError("reader-parameters", "a length that is not above zero")
        if not 0 <= settings.mirrored_from <= 1:
            raise PackError("reader-parameters", "`mirrored_from` is no score")
        if not (settings.slope > 0 and math.isfinite(settings.slope + settings.offset)):
            raise PackError("reader-parameters", "a calibration that does not keep the order")
        if len(settings.sure) != len(settings.types) or min(settings.sure, default=1.0) <= 0:
            raise PackError("reader-parameters", "types without a probability each")
        return settings

    @classmethod
    def _from(cls, parameters: Parameters) -> Settings:
        types, sure = (_listed(parameters.get(name, ())) for name in ("types", "sure"))
        return cls(
            label=str(parameters["label"]),
            batch=int(str(parameters["batch"])),
            cube=int(str(parameters["cube"])),
            spacing_mm=float(str(parameters["spacing_mm"])),
            margin=int(str(parameters["margin"])),
            cell=int(str(parameters["cell"])),
            floor=float(str(parameters["floor"])),
            apart_mm=float(str(parameters["apart_mm"])),
            extent_mm=float(str(parameters["extent_mm"])),
            types=tuple(FractureType(str(each)) for each in types),
            sure=tuple(math.inf if each is None else float(str(each)) for each in sure),
            # Earlier packs know nothing of these.
            slope=float(str(parameters.get("slope", 1.0))),
            offset=float(str(parameters.get("offset", 0.0))),
            again=int(str(parameters.get("again", 0))),
            mirrored_from=float(str(parameters.get("mirrored_from", 0.0))),
        )


def _listed(value: object) -> Sequence[object]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} is no list")  # noqa: TRY004 - one error for all parameters
    return value
