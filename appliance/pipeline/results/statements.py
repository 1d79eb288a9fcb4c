"""What a reading may claim, in words: what was looked at, what came of it, and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.pipeline.results.request import is_volume

if TYPE_CHECKING:
    from appliance.alerts.catalogue import Catalogue
    from appliance.domain import Job
    from appliance.pipeline.results.request import ResultRequest, Scope


def conclusion(request: ResultRequest, texts: Catalogue) -> str:
    """One paragraph: the urgent findings, or that no region is above the alert threshold."""
    urgent = [finding.detection for finding in request.read.findings if finding.urgent]
    if not urgent:
        return " ".join(
            texts.text("terms.below-threshold", bones=bones, range=span, thickness=thickness)
            for bones, span, thickness in looked_at(request, texts)
        )
    return "; ".join(
        texts.finding(item.bone, item.side, item.rib_number, item.type) for item in urgent
    )


def looked_at(request: ResultRequest, texts: Catalogue) -> tuple[tuple[str, str, str], ...]:
    """For each pack that ran: (bones, range, slice thickness), in words, in the packs' order."""
    scopes = {scope.pack: scope for scope in request.scopes}
    jobs_by_pack: dict[str, list[Job]] = {}
    for detections in request.read.detections:
        jobs_by_pack.setdefault(detections.job.pack, []).append(detections.job)
    return tuple(_pack_looked_at(scopes[pack], jobs, texts) for pack, jobs in jobs_by_pack.items())


def limits(request: ResultRequest, texts: Catalogue) -> tuple[str, ...]:
    """The packs' own limits and what limited this reading, such as thick slices."""
    ran = {detections.job.pack for detections in request.read.detections}
    of_packs = [limit for scope in request.scopes if scope.pack in ran for limit in scope.limits]
    of_jobs = [
        texts.note(note) for detections in request.read.detections for note in detections.job.notes
    ]
    return tuple(dict.fromkeys([*of_jobs, *of_packs]))


def _pack_looked_at(scope: Scope, jobs: list[Job], texts: Catalogue) -> tuple[str, str, str]:
    bones = texts.bones(scope.bones)
    if not is_volume(jobs[0]):
        span = texts.text("terms.range.film", count=len(jobs))
        return bones, span, texts.text("terms.thickness.film")
    extent = max(len(job.spooled_ids) * (job.slice_increment_mm or 0.0) for job in jobs)
    thickest = max((job.slice_thickness_mm or 0.0 for job in jobs), default=0.0)
    thickness = (
        texts.text("terms.thickness.volume", thickness=f"{thickest:g}")
        if thickest
        else texts.text("terms.thickness.volume-unknown")
    )
    return bones, texts.text("terms.range.volume", extent=f"{extent:.0f}"), thickness
