"""What of a study the installed packs may read. Pure: no file, no clock, no pixel.

Each series is held against each pack, with one of three ends:
- it fits: a candidate for a job;
- it is positively recognised as something else: not for this box;
- anything else, undeterminable scope included: refused, and a person is told.
A study is admitted as soon as one pack can read something of it. Otherwise a refusal goes before
"not for this box": silence is only for studies of which every image was recognised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from appliance.domain import (
    Admitted,
    GateDecision,
    InstanceFacts,
    Job,
    OutOfScope,
    PackScope,
    Reason,
    Refused,
    Series,
    SliceStack,
    Study,
)
from appliance.pipeline.anatomy import accepted_parts, contradicts_itself, parts_of
from appliance.pipeline.kernels import is_smooth_or_lung

_AXIAL_COSINE: Final = 0.85
"""Least cosine between slice normal and body axis: up to about 30 degrees of gantry tilt."""
_THICK_MM: Final = 3.0
_THIN_MM: Final = 2.0
_COVERAGE: Final = 0.8
"""A series that covers less than this share of the longest one is second choice."""
_APART_FACTOR: Final = 1.2
_LATERAL_VIEWS: Final = frozenset({"LL", "RL", "LLAT", "RLAT", "LAT", "LATERAL"})
_FRONTAL_ONLY: Final = frozenset({"CHEST", "RIB"})
"""Parts of which a film from the side superimposes both halves of the body."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """A series or a film that a pack may read."""

    job: Job
    rank: tuple[float, ...]
    """The least is read."""
    extent_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class _Foreign:
    """Positively recognised as not for this pack."""

    reason: Reason


_Judged = _Fit | _Foreign | Reason
"""A plain `Reason` refuses."""


def decide(study: Study, scopes: Sequence[PackScope]) -> GateDecision:
    """Which jobs the packs are to do, or why there are none."""
    judged = [
        (scope, series, found)
        for scope in scopes
        for series in study.series
        for found in _judge(series, scope, study)
    ]
    fits = [(scope, series, one) for scope, series, one in judged if isinstance(one, _Fit)]
    jobs = _chosen(fits)
    if jobs:
        limits = _limits_of_study(study, judged)
        return Admitted(
            tuple(replace(job, notes=(*job.notes, *limits)) for job in jobs),
            _set_aside(judged, jobs),
        )
    if not scopes and study.series:
        return Refused(Reason("no-pack"))
    refusals = [one for _, _, one in judged if isinstance(one, Reason)]
    refusals += [why for _, why in study.unreadable]
    refusals += [why for _, why in study.left_out if why.code == "pixels-missing"]
    if refusals:
        return Refused(refusals[0])
    foreign = [one.reason for _, _, one in judged if isinstance(one, _Foreign)]
    return OutOfScope(_plainest(foreign or [why for _, why in study.left_out]))


def _plainest(reasons: Sequence[Reason]) -> Reason:
    """The reason that says most: that the modality fits no pack says less than any other."""
    counted = Counter(reasons)
    weighed = sorted(counted, key=lambda one: (one.code == "modality-not-covered", -counted[one]))
    return weighed[0] if weighed else Reason("not-an-image")


def _judge(series: Series, scope: PackScope, study: Study) -> list[_Judged]:
    """One end for a CT series, one for each film of any other."""
    if series.modality not in scope.modalities:
        return [_Foreign(Reason("modality-not-covered"))]
    if scope.image == "volume":
        return [_judge_common(series.instances[0], scope) or _judge_stack(series, scope)]
    shown = {
        _exposure(one)
        for other in study.series
        for one in other.instances
        if one.presentation_intent == "FOR PRESENTATION"
    }
    return [_judge_common(one, scope) or _judge_film(one, scope, shown) for one in series.instances]


def _exposure(facts: InstanceFacts) -> tuple[str, str, str]:
    """What the two forms of one film, for processing and for presentation, have in common."""
    return facts.body_part, facts.view_position, facts.laterality


def _judge_common(facts: InstanceFacts, scope: PackScope) -> _Foreign | Reason | None:
    """What does not depend on the kind of image; None when nothing stands against it."""
    age = facts.patient_age_years
    if age is not None and age < scope.youngest_years:
        return _Foreign(Reason("patient-too-young"))
    parts = parts_of(facts)
    if parts and parts.isdisjoint(accepted_parts(scope.body_parts)):
        return _Foreign(Reason("body-part-not-covered"))
    if facts.samples_per_pixel != 1:
        return Reason("image-in-colour")
    return None if parts else Reason("body-part-undetermined")


def _judge_film(
    facts: InstanceFacts, scope: PackScope, shown: set[tuple[str, str, str]]
) -> _Fit | _Foreign | Reason:
    """shown: the exposures that are there for presentation."""
    if facts.presentation_intent == "FOR PROCESSING" and _exposure(facts) in shown:
        return _Foreign(Reason("for-processing-copy"))
    is_lateral = facts.view_position in _LATERAL_VIEWS or "LATERAL" in facts.series_description
    if is_lateral and parts_of(facts) <= _FRONTAL_ONLY:
        return _Foreign(Reason("view-not-covered"))
    if contradicts_itself(facts):
        return Reason("body-part-contradictory")
    if min(facts.rows, facts.columns) < (scope.smallest_side_px or 1):
        return Reason("image-too-small", f"{facts.rows} x {facts.columns}")
    notes = _age_note(facts, scope)
    job = Job(scope.pack, facts.series_uid, (facts.spooled_id,), None, None, notes)
    return _Fit(job, (facts.spooled_id,))


def _judge_stack(series: Series, scope: PackScope) -> _Fit | _Foreign | Reason:
    facts, stack = series.instances[0], series.stack
    if not isinstance(stack, SliceStack):
        return stack or Reason("geometry-missing")
    if abs(stack.normal[2]) < _AXIAL_COSINE:
        return Reason("not-axial")
    depth = max(stack.thickness_mm or 0.0, stack.increment_mm)
    if scope.slice_thickness_mm is not None:
        thinnest, thickest = scope.slice_thickness_mm
        if depth > thickest:
            return Reason("slices-too-thick", f"{depth:.1f} mm")
        if depth < thinnest:
            return Reason("slices-too-thin", f"{depth:.2f} mm")
    if stack.extent_mm < (scope.smallest_extent_mm or 0.0):
        return Reason("field-too-small", f"{stack.extent_mm:.0f} mm")
    is_soft = is_smooth_or_lung(facts.convolution_kernel)
    notes = [*stack.notes, *_age_note(facts, scope)]
    if depth > _THICK_MM:
        notes.append(Reason("thick-slices", f"{depth:.1f} mm"))
    if stack.thickness_mm and stack.increment_mm > _APART_FACTOR * stack.thickness_mm:
        notes.append(Reason("slices-apart", f"{stack.increment_mm - stack.thickness_mm:.1f} mm"))
    if is_soft:
        notes.append(Reason("smooth-kernel"))
    job = Job(
        pack=scope.pack,
        series_uid=series.uid,
        spooled_ids=stack.spooled_ids,
        slice_thickness_mm=stack.thickness_mm,
        slice_increment_mm=stack.increment_mm,
        notes=tuple(notes),
        frames=stack.frames if any(stack.frames) else (),
    )
    thickness_class = (depth > _THIN_MM) + (depth > _THICK_MM)
    is_derived = facts.image_type[:1] != ("ORIGINAL",)
    rank = (is_derived, thickness_class, is_soft, depth, -len(stack.frames))
    return _Fit(job, rank, stack.extent_mm)


def _age_note(facts: InstanceFacts, scope: PackScope) -> tuple[Reason, ...]:
    is_unknown = facts.patient_age_years is None and scope.youngest_years > 0
    return (Reason("age-unknown"),) if is_unknown else ()


def _chosen(fits: Sequence[tuple[PackScope, Series, _Fit]]) -> list[Job]:
    """For each pack the best of its CT series, and all of its films."""
    jobs: list[Job] = []
    for scope in dict.fromkeys(scope for scope, _, _ in fits):
        own = [one for other, _, one in fits if other == scope]
        if scope.image == "volume":
            enough = _COVERAGE * max(one.extent_mm for one in own)
            own = [min(own, key=lambda one: (one.extent_mm < enough, one.rank))]
        jobs += [one.job for one in own]
    return jobs


def _limits_of_study(
    study: Study, judged: Sequence[tuple[PackScope, Series, _Judged]]
) -> tuple[Reason, ...]:
    """What the results of an admitted study must say of the rest of it."""
    notes = []
    if study.unreadable:
        notes.append(Reason("instances-unreadable", str(len(study.unreadable))))
    films = [one for scope, _, one in judged if scope.image == "film" and isinstance(one, Reason)]
    if films:
        notes.append(Reason("other-film-not-read", str(len(films))))
    return tuple(notes)


def _set_aside(
    judged: Sequence[tuple[PackScope, Series, _Judged]], jobs: Sequence[Job]
) -> tuple[tuple[str, Reason], ...]:
    """(series UID, why) of every series that no job reads."""
    read = {job.series_uid for job in jobs}
    aside: dict[str, list[Reason]] = {}
    for _, series, found in judged:
        if series.uid not in read:
            aside.setdefault(series.uid, []).append(_why(found))
    return tuple((uid, _plainest(reasons)) for uid, reasons in aside.items())


def _why(found: _Judged) -> Reason:
    match found:
        case _Fit():
            return Reason("other-series-read")
        case _Foreign(reason):
            return reason
        case Reason():
            return found
