"""How places are named in a volume, against what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from appliance.domain import Bone, Side
from appliance.imaging import Volume
from appliance.inference.anatomy.cage import find_cage
from appliance.inference.anatomy.naming import name_of_place
from models.training.anatomy.counts import Place
from models.training.ct.evaluate import THICK_MM
from models.training.simulation.acquisition import thickened

CUT_AWAY = 0.32
"""Of the height, at each end that is cut."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of places.

    ribs: those on ribs; called_rib: of these, those not called another bone; sided: of these, with
    the right side; numbered, right: with a number, and with the right one. others, others_right:
    places on other bones, and those whose bone is named right.
    """

    ribs: int = 0
    called_rib: int = 0
    sided: int = 0
    numbered: int = 0
    right: int = 0
    others: int = 0
    others_right: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            *(getattr(self, each) + getattr(other, each) for each in self.__dataclass_fields__)
        )


def score(volume: Volume, places: Iterable[Place]) -> Tally:
    """Name the places that lie in the volume."""
    cage, total = find_cage(volume), Tally()
    for place in places:
        lps = np.array(place.lps_mm)
        index = volume.to_index(lps)
        if (index < -0.5).any() or (index > np.array(volume.voxels.shape) - 0.5).any():
            continue
        name = None if cage is None else name_of_place(cage, lps)
        bone = Bone.UNDETERMINED if name is None else name.bone
        side = Side.UNDETERMINED if name is None else name.side
        number = None if name is None else name.rib_number
        if place.bone is not Bone.RIB:
            total += Tally(others=1, others_right=int(bone is place.bone))
            continue
        # What is recognised as nothing else stays what the pack says: a rib.
        is_rib = bone in {Bone.RIB, Bone.UNDETERMINED}
        total += Tally(
            ribs=1,
            called_rib=int(is_rib),
            sided=int(is_rib and side is place.side),
            numbered=int(number is not None),
            right=int(number is not None and number == place.rib_number and side is place.side),
        )
    return total


def variations(volume: Volume) -> Iterator[tuple[str, Volume]]:
    """The volume as it is, in thick slices, turned in its array, and cut at either end or both."""
    yield "as it is", volume
    thick = thickened(volume, THICK_MM)
    if thick is not volume:
        yield "slices of 5 mm", thick
    yield "array turned round", turned(volume)
    count = len(volume.voxels)
    cut = round(CUT_AWAY * count)
    yield "top cut away", part(volume, 0, count - cut)
    yield "bottom cut away", part(volume, cut, count)
    yield "both cut away", part(volume, cut, count - cut)


def part(volume: Volume, start: int, stop: int) -> Volume:
    """Only these slices."""
    origin = volume.to_lps(np.array((float(start), 0.0, 0.0)))
    return replace(volume, voxels=volume.voxels[start:stop], origin_lps_mm=origin)


def turned(volume: Volume) -> Volume:
    """The same patient with rows and columns mirrored in the array, as of a prone series."""
    last = np.array((0.0, volume.voxels.shape[1] - 1.0, volume.voxels.shape[2] - 1.0))
    return Volume(
        volume.voxels[:, ::-1, ::-1], volume.to_lps(last), volume.axes * np.array((1, -1, -1))
    )
