"""What a labelled set is, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from appliance.evaluation import HitRule, Lesion
from appliance.imaging import Image


class Labelled(StrEnum):
    """The formats."""

    RIBFRAC = "ribfrac"
    COCO = "coco"


@dataclass(frozen=True, slots=True)
class Loaded:
    """One case in memory: the image, its true fractures, and what it may be stratified by."""

    image: Image
    lesions: tuple[Lesion, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """One scan or film of a set.

    name: its own in the set, which may be a person's: for matching, never shown.

    files: all that it is made of. load: reads it; raises `LabelledSetError`.
    """

    patient: str
    name: str
    files: tuple[Path, ...]
    load: Callable[[], Loaded]


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A recognised set.

    image: `volume` or `film`. rule: when a mark hits a lesion of this format.
    tables: the files that hold the labels of all cases.
    """

    format: Labelled
    image: str
    rule: HitRule
    tables: tuple[Path, ...]
    cases: tuple[LabelledCase, ...]
