"""Which part of X.Y.Z.B must rise, by what changed since the last published pack; pure.

X major, Y minor enhancement, Z corrective, B build (the parts of China's NMPA guideline on
software). A hospital must see from the number alone that a pack will not behave as before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.domain import Detection
from appliance.inference.golden import differences
from appliance.inference.pack_schema import PackSpec, Tolerance

PARTS: Final = "XYZB"
_SAME: Final = Tolerance(score=0.01, position=1.0)
"""Two runs of one network on one machine agree much further; another network does not."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What a pack is and does.

    golden: the SHA-256 of its golden images. outputs: what it answers to each golden image of both
    editions, by the image's SHA-256.
    """

    spec: PackSpec
    golden: frozenset[str]
    outputs: Mapping[str, tuple[Detection, ...]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What may not change unless that part, or one before it, rises."""

    part: str
    what: str
    changed: Callable[[Edition, Edition], bool]


def _field(*names: str) -> Callable[[Edition, Edition], bool]:
    def changed(before: Edition, after: Edition) -> bool:
        return any(getattr(before.spec, name) != getattr(after.spec, name) for name in names)

    return changed


def _outputs(before: Edition, after: Edition) -> bool:
    return any(
        differences(found, after.outputs.get(image, ()), 0.0, _SAME)
        for image, found in before.outputs.items()
    )


def _cases_gone(before: Edition, after: Edition) -> bool:
    return not before.golden <= after.golden


RULES: Final = (
    Rule("X", "the intended use", _field("intended_use", "image")),
    Rule("X", "the contraindications", _field("contraindications")),
    Rule("Y", "the labels", _field("findings")),
    Rule("Y", "the bones it looks at", _field("bones")),
    Rule("Y", "the images it accepts", _field("inputs")),
    Rule("Y", "the stated limits", _field("limits")),
    Rule("Z", "the thresholds", _field("operating_point")),
    Rule("Z", "the range of measured scores", _field("measured_scores")),
    Rule("Z", "the reader or its parameters", _field("reader")),
    Rule("Z", "the tolerances of the golden cases", _field("tolerance")),
    Rule("Z", "a golden case was taken away", _cases_gone),
    Rule("Z", "the outputs on golden cases", _outputs),
)
"""Most important part first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """part: the least that must rise (B where nothing of note changed). faults: why not, if so."""

    part: str
    changes: tuple[str, ...]
    faults: tuple[str, ...]


def judge(before: Edition, after: Edition) -> Verdict:
    """Hold a version against what changed."""
    hits = [rule for rule in RULES if rule.changed(before, after)]
    part = hits[0].part if hits else "B"
    changes = tuple(rule.what for rule in hits)
    old, new = _parts(before.spec.version), _parts(after.spec.version)
    faults = []
    if new <= old:
        faults.append(f"{after.spec.version} does not come after {before.spec.version}")
    else:
        raised = next(number for number in range(len(PARTS)) if new[number] != old[number])
        if raised > PARTS.index(part):
            faults.append(
                f"{part} must rise, not {PARTS[raised]} alone: changed are {', '.join(changes)}"
            )
    if after.spec.rollback_index < before.spec.rollback_index:
        faults.append(
            f"rollback_index {after.spec.rollback_index} is below {before.spec.rollback_index}"
        )
    return Verdict(part, changes, tuple(faults))


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
