"""Measuring a model on a site's labelled set, and keeping what came of it: for verb and menu."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.acceptance import Acceptance, AcceptanceFile, Criteria, judge, measure
from appliance.acceptance.measure import Read
from appliance.acceptance.record import Interval
from appliance.audit.events import AuditEvent, AuditKind, typed
from appliance.clock import SystemClock
from appliance.config.schema import PackUse, Site
from appliance.daemon.packs.loading import Model, model_of
from appliance.daemon.packs.places import pack_in_use, pack_on_trial, ref_on_trial, uses
from appliance.daemon.state import StateFolder
from appliance.domain import Detection
from appliance.errors import PackError, UsageError
from appliance.evaluation import Estimate, summary
from appliance.imaging import Image
from appliance.labelled import LabelledCase, LabelledSet, digest_of, report_of

_FILMS: Final = "film"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is to be measured, and for whom.

    is_candidate: the update on trial of that name, not what reads now. reports: a folder of reports
    that the box sent before; they are scored, and nothing is read again.
    """

    labelled: LabelledSet
    use: PackUse
    by: str
    criteria: Criteria
    is_candidate: bool = False
    reports: Path | None = None


def criteria_of(site: Site, **instead: float | None) -> Criteria:
    """What the site asks of a model; `instead`: by name of the criterion, where not None."""
    given = {key: value for key, value in instead.items() if value is not None}
    return Criteria(**{**site.acceptance.model_dump(exclude={"required"}), **given})


def fitting(site: Site, labelled: LabelledSet) -> tuple[PackUse, ...]:
    """The packs of this box that read such images. Raises PackError, as `pack_in_use`."""
    return tuple(use for use in uses(site) if _reads(site, use.name) == labelled.image)


def _reads(site: Site, name: str) -> str:
    try:
        return pack_in_use(site, name).spec.image
    except PackError:
        if ref_on_trial(site, name) is None:
            raise
        return pack_on_trial(site, name).spec.image  # which may be what is to take its place


def the_one(offered: tuple[PackUse, ...], name: str | None) -> PackUse:
    """The pack of that name; without a name the only one. Raises UsageError: `pack-unclear`."""
    meant = [use for use in offered if not name or use.name == name]
    if len(meant) != 1:
        raise UsageError("pack-unclear", f"{len(meant)} models read such images")
    return meant[0]


def measured(site: Site, wanted: Measurement, turned: Callable[[int], None]) -> Acceptance:
    """Read the set with the model as it reads patients, and judge the figures. Keeps nothing.

    turned: told after each case how many are done.

    Raises:
        PackError: as `pack_in_use` and `pack_on_trial`.
        AnalysisError: the model does not start.
        LabelledSetError: as `measure` and `digest_of`.
    """
    clock = SystemClock()
    open_pack = pack_on_trial if wanted.is_candidate else pack_in_use
    model = model_of(open_pack(site, wanted.use.name), wanted.use, clock)
    with _reader(site, model, wanted.reports) as read:
        found = measure(wanted.labelled, model.spec, read, turned)
    figures = summary(found.exams, report=model.point.report, alert=model.point.alert)
    if wanted.labelled.image != _FILMS:
        figures.pop("ap")  # marks in volumes are places, not boxes
    breaches = judge(
        figures,
        fractured=found.fractured,
        intact=found.intact,
        unread=len(found.unread),
        criteria=wanted.criteria,
    )
    return Acceptance(
        model=model.identity,
        set_format=wanted.labelled.format.value,
        set_digest=digest_of(wanted.labelled),
        fractured=found.fractured,
        intact=found.intact,
        unread=len(found.unread),
        report=model.point.report,
        alert=model.point.alert,
        figures={name: _interval(each) for name, each in figures.items()},
        criteria=wanted.criteria,
        breaches=breaches,
        by=wanted.by,
        at=clock.now(),
    )


def keep(site: Site, acceptance: Acceptance, actor: str = "") -> AuditEvent:
    """Have it in force from now on; what belongs into the audit trail of it.

    actor: who did it; empty: whoever calls. Raises StorageError, as `AcceptanceFile.keep`.
    """
    AcceptanceFile(StateFolder(Path(site.state_folder)).root).keep(acceptance)
    model, verdict = acceptance.model, "accepted" if acceptance.is_accepted else "refused"
    subject, detail = f"{model.name} {model.version}", f"{verdict} by {typed(acceptance.by)}"
    return AuditEvent(AuditKind.MODEL_ACCEPTANCE, actor, subject, detail)


@contextmanager
def _reader(site: Site, model: Model, reports: Path | None) -> Iterator[Read]:
    """The model as it reads patients, or what it said of them before."""
    if reports is not None:

        def reported(case: LabelledCase, _: Image) -> tuple[Detection, ...]:
            return report_of(reports, case).marks

        yield reported
        return
    with model.host as host:
        host.warm_up()

        def read(_: LabelledCase, image: Image) -> tuple[Detection, ...]:
            marks, _execution = host.read(image, site.analysis.inference_seconds)
            return marks

        yield read


def _interval(estimate: Estimate) -> Interval:
    value, low, high = (
        None if figure != figure else figure  # noqa: PLR0124 - NaN
        for figure in (estimate.value, estimate.low, estimate.high)
    )
    return value, low, high
