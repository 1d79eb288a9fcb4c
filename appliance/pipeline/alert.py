"""What is urgent, and what a new revision changes about an alert: pure decisions.

The urgency table is an ordered list of rules; for each finding the first rule that matches decides,
and the last rule matches everything, so that nothing is left undecided. The site YAML may replace
rules by name or put its own before the last one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from appliance.domain import (
    Bone,
    Detection,
    FilmRegion,
    Finding,
    FractureType,
    ScoreRange,
    VolumeRegion,
)
from appliance.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from appliance.domain import Detections


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A pack's two thresholds, and where its scores were measured, from its `pack.yaml`.

    measured: lowest and highest score in the pack's evaluation; None where it states none.
    """

    report: float
    alert: float
    measured: tuple[float, float] | None = None

    def range_of(self, score: float) -> ScoreRange:
        """Whether the evaluation can say what this score means; both ends belong to the span."""
        if self.measured is None:
            return ScoreRange.NOT_MEASURED
        low, high = self.measured
        return ScoreRange.WITHIN if low <= score <= high else ScoreRange.OUTSIDE


class Threshold(StrEnum):
    """A score that a rule takes from the pack, because packs are calibrated differently."""

    REPORT = "report"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. An empty set of bones or types means any."""

    name: str
    urgent: bool
    bones: frozenset[Bone] = frozenset()
    types: frozenset[FractureType] = frozenset()
    score_at_least: Threshold | float = Threshold.REPORT
    count_at_least: int = 1
    """How many findings of the study have to satisfy this very rule."""


@dataclass(frozen=True, slots=True)
class UrgencyTable:
    """The rules in order. Raises ValueError unless the last one matches every finding."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("two urgency rules have the same name")
        if not self.rules or self.rules[-1] != Rule(names[-1], self.rules[-1].urgent):
            raise ValueError("the last urgency rule must match every finding")

    def with_site_rules(self, rules: Iterable[Rule]) -> UrgencyTable:
        """A rule with a known name takes that one's place; the others go before the last rule."""
        site = {rule.name: rule for rule in rules}
        kept = [site.pop(rule.name, rule) for rule in self.rules]
        return UrgencyTable((*kept[:-1], *site.values(), kept[-1]))


DEFAULT_TABLE: Final = UrgencyTable(
    (
        Rule(
            "several-ribs",
            urgent=True,
            bones=frozenset({Bone.RIB}),
            score_at_least=Threshold.ALERT,
            count_at_least=3,
        ),
        Rule(
            "displaced",
            urgent=True,
            types=frozenset({FractureType.DISPLACED, FractureType.SEGMENTAL}),
            score_at_least=Threshold.ALERT,
        ),
        Rule(
            "spine-or-hip",
            urgent=True,
            bones=frozenset({Bone.VERTEBRA, Bone.HIP}),
            score_at_least=Threshold.ALERT,
        ),
        Rule(
            "minor-rib",
            urgent=False,
            bones=frozenset({Bone.RIB}),
            types=frozenset({FractureType.BUCKLE}),
        ),
        Rule("confident", urgent=True, score_at_least=Threshold.ALERT),
        Rule("otherwise", urgent=False),
    )
)
"""What a site has that says nothing in its YAML: any fracture at the pack's alert threshold, except
buckled ribs, which are urgent only from three on."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """The decision on one finding, or on a study: `rule` names the line that decided."""

    urgent: bool
    rule: str


@dataclass(frozen=True, slots=True)
class StudyUrgency:
    """The findings with their urgency, the decision on each, and on the study as a whole."""

    findings: tuple[Finding, ...]
    each: tuple[Urgency, ...]
    study: Urgency


def reported(
    detections: Iterable[Detections], points: Mapping[str, OperatingPoint]
) -> tuple[Finding, ...]:
    """Detections that reach their pack's reporting threshold, highest score first, not urgent yet.

    points: by pack name. Raises AnalysisError("score-invalid") for a score outside [0, 1].
    """
    kept = [
        Finding(
            item,
            done.job.series_uid,
            done.job.pack,
            urgent=False,
            score_range=points[done.job.pack].range_of(item.score),
        )
        for done in detections
        for item in done.items
        if _checked(item.score) >= points[done.job.pack].report
    ]
    return tuple(sorted(kept, key=lambda finding: -finding.detection.score))


def decide(
    findings: tuple[Finding, ...], table: UrgencyTable, points: Mapping[str, OperatingPoint]
) -> StudyUrgency:
    """Hold each finding against the table; a study is urgent when one of its findings is.

    points: by pack name. Raises AnalysisError("score-invalid") for a score outside [0, 1].
    """
    matches = {
        rule.name: [_matches(rule, finding, points[finding.pack]) for finding in findings]
        for rule in table.rules
    }
    each = tuple(
        next(
            Urgency(rule.urgent, rule.name)
            for rule in table.rules
            if matches[rule.name][place] and sum(matches[rule.name]) >= rule.count_at_least
        )
        for place in range(len(findings))
    )
    deciding = [one for one in each if one.urgent] or [*each]
    study = deciding[0] if deciding else Urgency(urgent=False, rule="no-finding")
    judged = tuple(
        replace(finding, urgent=one.urgent) for finding, one in zip(findings, each, strict=True)
    )
    return StudyUrgency(judged, each, study)


def _checked(score: float) -> float:
    # Every comparison with NaN is false: unchecked, a broken network would read as "not urgent".
    if not (math.isfinite(score) and 0.0 <= score <= 1.0):
        raise AnalysisError("score-invalid")
    return score


def _matches(rule: Rule, finding: Finding, point: OperatingPoint) -> bool:
    detection = finding.detection
    match rule.score_at_least:
        case Threshold.REPORT:
            least = point.report
        case Threshold.ALERT:
            least = point.alert
        case figure:
            least = figure
    return (
        (not rule.bones or detection.bone in rule.bones)
        and (not rule.types or detection.type in rule.types)
        and (_checked(detection.score) >= least or _is_catch_all(rule))
    )


def _is_catch_all(rule: Rule) -> bool:
    return rule == Rule(rule.name, rule.urgent)


# --- revisions ------------------------------------------------------------------------------------

_SAME_PLACE_MM: Final = 25.0
"""Two revisions of one CT box the same fracture within about a rib's width and a half."""
_SAME_PLACE_IOU: Final = 0.2
_GRAVITY: Final = {
    FractureType.BUCKLE: 0,
    FractureType.UNSPECIFIED: 1,
    FractureType.NON_DISPLACED: 1,
    FractureType.COMPRESSION: 2,
    FractureType.DISPLACED: 3,
    FractureType.SEGMENTAL: 4,
}


class AmendmentKind(StrEnum):
    """What a revision does about the case's alert."""

    NONE = "none"
    ALERT = "alert"
    AMENDED_ALERT = "amended-alert"


@dataclass(frozen=True, slots=True)
class Amendment:
    """The decision, and why: what is new, what became graver, what is no longer found urgent."""

    kind: AmendmentKind
    new: tuple[Finding, ...] = ()
    graver: tuple[Finding, ...] = ()
    withdrawn: tuple[Finding, ...] = ()


def amendment(previous: tuple[Finding, ...] | None, current: tuple[Finding, ...]) -> Amendment:
    """Compare the urgent findings last told with those of the new revision.

    previous: urgent findings as last told, or None when no alert of the case ever went out.
    current: the new revision's urgent findings.

    A score that wobbles is not news; a new place, a graver type or a place that vanished is.
    """
    if previous is None:
        kind = AmendmentKind.ALERT if current else AmendmentKind.NONE
        return Amendment(kind, new=current)
    pairs = _pairs(previous, current)
    new = tuple(item for place, item in enumerate(current) if place not in pairs.values())
    graver = tuple(
        current[now]
        for before, now in pairs.items()
        if _grade(current[now]) > _grade(previous[before])
    )
    withdrawn = tuple(item for place, item in enumerate(previous) if place not in pairs)
    changed = new or graver or withdrawn
    kind = AmendmentKind.AMENDED_ALERT if changed else AmendmentKind.NONE
    return Amendment(kind, new, graver, withdrawn)


def _grade(finding: Finding) -> int:
    return _GRAVITY[finding.detection.type]


def _pairs(previous: tuple[Finding, ...], current: tuple[Finding, ...]) -> dict[int, int]:
    """One-to-one, best match first: {place in previous: place in current}."""
    candidates = sorted(
        (distance, abs(_grade(old) - _grade(new)), before, now)
        for before, old in enumerate(previous)
        for now, new in enumerate(current)
        if (distance := _distance(old, new)) is not None
    )
    pairs: dict[int, int] = {}
    for *_, before, now in candidates:
        if before not in pairs and now not in pairs.values():
            pairs[before] = now
    return pairs


def _distance(one: Finding, other: Finding) -> float | None:
    """How far apart two findings are, in [0, 1]; None when they are different places."""
    match one.detection, other.detection:
        case (
            Detection(region=VolumeRegion(centre_lps_mm=here)),
            Detection(region=VolumeRegion(centre_lps_mm=there)),
        ):
            apart = math.dist(here, there)
            return apart / _SAME_PLACE_MM if apart <= _SAME_PLACE_MM else None
        case Detection(region=FilmRegion() as here), Detection(region=FilmRegion() as there):
            # Pixels mean nothing across series: another film is another place.
            overlap = _overlap(here, there) if one.series_uid == other.series_uid else 0.0
            return 1.0 - overlap if overlap >= _SAME_PLACE_IOU else None
        case _:
            return None


def _overlap(one: FilmRegion, other: FilmRegion) -> float:
    """Intersection over union."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(wide, 0.0) * max(high, 0.0)
    total = _area(one) + _area(other) - shared
    return shared / total if total > 0.0 else 0.0


def _area(region: FilmRegion) -> float:
    return max(region.right - region.left, 0.0) * max(region.bottom - region.top, 0.0)
