"""The texts that people read, one YAML file a language in `alerts/texts/`.

A catalogue is a flat table from dotted key to text. Every language has the same keys and the same
placeholders; a test holds them together, so a missing text can never surface at night.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import yaml

from appliance.domain import Bone, FractureType, Reason, ScoreRange, Side
from appliance.errors import ConfigError
from appliance.reasons import REASONS, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_FOLDER: Final = resources.files(__package__) / "texts"


def languages() -> tuple[str, ...]:
    """The languages that there are texts for, such as `en` and `zh`."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


@cache
def load(language: str) -> Catalogue:
    """The catalogue of one language. Raises ConfigError `language-unknown`."""
    if language not in languages():
        raise ConfigError("language-unknown", f"there are texts for {', '.join(languages())}")
    document = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return Catalogue(language, MappingProxyType(dict(_flatten("", document))))


def _flatten(prefix: str, node: object) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flatten(f"{prefix}{key}.", value)
    elif isinstance(node, str):
        yield prefix.removesuffix("."), node
    else:
        raise TypeError(f"{prefix} is not a text")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language, and the few phrases that are built from several of them."""

    language: str
    texts: Mapping[str, str]

    def text(self, key: str, /, **values: object) -> str:
        """The text of a key with its placeholders filled in. Raises KeyError for an unknown key."""
        return self.texts[key].format(**values)

    def bone(self, bone: Bone) -> str:
        """The name of a bone."""
        return self.texts[f"terms.bone.{bone}"]

    def bones(self, bones: Iterable[Bone]) -> str:
        """Several bones as one list."""
        return self.texts["terms.list-separator"].join(self.bone(bone) for bone in bones)

    def side(self, side: Side) -> str:
        """The patient's side."""
        return self.texts[f"terms.side.{side}"]

    def fracture_type(self, kind: FractureType) -> str:
        """How the fracture looks."""
        return self.texts[f"terms.type.{kind}"]

    def place(self, bone: Bone, side: Side, rib_number: int | None) -> str:
        """Where it is, such as `left rib 7` or `left rib, number not determinable`."""
        sided = side in {Side.LEFT, Side.RIGHT}
        ending = "with-side" if sided else "without-side"
        if bone is Bone.RIB and rib_number is not None:
            return self.text(f"terms.place.rib-{ending}", side=self.side(side), number=rib_number)
        place = self.text(f"terms.place.{ending}", side=self.side(side), bone=self.bone(bone))
        if bone is Bone.RIB:
            return self.text("terms.place.rib-number-undetermined", place=place)
        if bone is Bone.VERTEBRA:
            return self.text("terms.place.vertebra-level-undetermined", place=place)
        return place

    def finding(self, bone: Bone, side: Side, rib_number: int | None, kind: FractureType) -> str:
        """One finding in words, such as `left rib 7: fracture suspected (displaced)`."""
        place = self.place(bone, side, rib_number)
        if kind is FractureType.UNSPECIFIED:
            return self.text("terms.finding-uncharacterised", place=place)
        return self.text("terms.finding", place=place, type=self.fracture_type(kind))

    def score(self, score: float, standing: ScoreRange) -> str:
        """A score, and whether the pack's evaluation can say what it means."""
        return self.text(f"terms.score.{standing}", score=f"{score:.2f}")

    def reason(self, code: str) -> str:
        """The sentence for a reason code; the general one where the code has none of its own."""
        if code in REASONS:
            return sentence(code, self.language)
        return self.texts["terms.reason.other"]

    def note(self, note: Reason) -> str:
        """What limits a reading without preventing it, with its figures."""
        text = self.reason(note.code).rstrip(".。")
        return f"{text} ({note.detail})" if note.detail else text
