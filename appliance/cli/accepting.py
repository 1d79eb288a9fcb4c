"""`osteon accept`: a site measures a model on its own labelled set, before the model may alert."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress

from appliance import journal
from appliance.acceptance import Acceptance, AcceptanceFile, Criteria, Measured, judge, measure
from appliance.acceptance.measure import Read
from appliance.acceptance.record import Interval
from appliance.audit.events import AuditEvent, AuditKind, typed
from appliance.cli.acceptance_shown import show
from appliance.cli.audited import audited
from appliance.cli.options import config_option, json_option, site_of
from appliance.cli.presentation import as_json
from appliance.clock import SystemClock
from appliance.config.schema import PackUse, Site
from appliance.daemon.packs.loading import Model, model_of
from appliance.daemon.packs.places import pack_in_use, pack_on_trial, uses
from appliance.daemon.state import StateFolder
from appliance.domain import Detection
from appliance.errors import UsageError
from appliance.evaluation import Estimate, summary
from appliance.imaging import Image
from appliance.labelled import LabelledCase, LabelledSet, digest_of, open_set, report_of

_FILMS: Final = "film"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command was asked to do."""

    set_folder: Path
    by: str
    is_candidate: bool
    reports: Path | None
    keeps: bool


@click.command("accept")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--by", required=True, metavar="NAME", help="Who decides.")
@click.option("--pack", metavar="NAME", help="Which model, where several read such images.")
@click.option("--candidate", is_flag=True, help="The update that is on trial, not what reads now.")
@click.option("--sensitivity", type=click.FloatRange(0, 1), help="Of exams that alert, at least.")
@click.option("--specificity", type=click.FloatRange(0, 1), help="Of intact exams, at least.")
@click.option("--false-marks", type=click.FloatRange(min=0), help="Per exam, at most.")
@click.option("--fractured", type=click.IntRange(min=1), help="Exams with a fracture, at least.")
@click.option("--intact", type=click.IntRange(min=1), help="Intact exams, at least.")
@click.option("--measure-only", is_flag=True, help="Record nothing: whatever comes of it.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Score the reports (SR) that the box sent, NAME.dcm for each case; records nothing.",
)
@config_option
@json_option
def accept(  # noqa: PLR0913 - a command's options
    *,
    folder: Path,
    by: str,
    pack: str | None,
    candidate: bool,
    sensitivity: float | None,
    specificity: float | None,
    false_marks: float | None,
    fractured: int | None,
    intact: int | None,
    results: Path | None,
    config: Path,
    measure_only: bool,
    is_json: bool,
) -> None:
    """Measure a model on the labelled set in FOLDER, and accept it here or refuse it.

    FOLDER holds a set as RibFrac has it (CSV and NIfTI), or films with one COCO file. What is asked
    comes from `acceptance` in the site YAML; options take its place. A model that is refused reads
    no patient on this box: its studies end as "could not analyse", and a person is told.

    Exit status: 0 accepted; 1 refused, or not measured; 2 the command or the site YAML is wrong.
    """
    site = site_of(config)
    journal.to_nowhere()
    if not by.strip():
        raise UsageError("name-missing")
    wanted = {
        "sensitivity_at_least": sensitivity,
        "specificity_at_least": specificity,
        "false_marks_at_most": false_marks,
        "fractured_at_least": fractured,
        "intact_at_least": intact,
    }
    given = {key: value for key, value in wanted.items() if value is not None}
    criteria = Criteria(**{**site.acceptance.model_dump(exclude={"required"}), **given})
    asked = _Asked(folder, by.strip(), candidate, results, not (measure_only or results))
    acceptance, figures = _measured(site, pack, asked, criteria)
    if asked.keeps:
        _keep(site, acceptance)
    if is_json:
        as_json({**asdict(acceptance), "accepted": acceptance.is_accepted, "kept": asked.keeps})
    else:
        show(acceptance, figures, is_kept=asked.keeps, is_reports=results is not None)
    sys.exit(0 if acceptance.is_accepted else 1)


def _keep(site: Site, acceptance: Acceptance) -> None:
    state = StateFolder(Path(site.state_folder))
    AcceptanceFile(state.root).keep(acceptance)
    model, verdict = acceptance.model, "accepted" if acceptance.is_accepted else "refused"
    subject, detail = f"{model.name} {model.version}", f"{verdict} by {typed(acceptance.by)}"
    audited(state.access, AuditEvent(AuditKind.MODEL_ACCEPTANCE, "", subject, detail))


def _measured(
    site: Site, pack: str | None, asked: _Asked, criteria: Criteria
) -> tuple[Acceptance, dict[str, Estimate]]:
    clock = SystemClock()
    labelled = open_set(asked.set_folder)
    use = _use(site, pack, labelled)
    open_pack = pack_on_trial if asked.is_candidate else pack_in_use
    model = model_of(open_pack(site, use.name), use, clock)
    with _reader(site, model, asked.reports) as read:
        found = _with_progress(labelled, model, read)
    figures = summary(found.exams, report=model.point.report, alert=model.point.alert)
    if labelled.image != _FILMS:
        figures.pop("ap")  # marks in volumes are places, not boxes
    breaches = judge(
        figures,
        fractured=found.fractured,
        intact=found.intact,
        unread=len(found.unread),
        criteria=criteria,
    )
    acceptance = Acceptance(
        model=model.identity,
        set_format=labelled.format.value,
        set_digest=digest_of(labelled),
        fractured=found.fractured,
        intact=found.intact,
        unread=len(found.unread),
        report=model.point.report,
        alert=model.point.alert,
        figures={name: _interval(each) for name, each in figures.items()},
        criteria=criteria,
        breaches=breaches,
        by=asked.by,
        at=clock.now(),
    )
    return acceptance, figures


def _use(site: Site, pack: str | None, labelled: LabelledSet) -> PackUse:
    """The pack that is meant: by its name, or the only one that reads such images."""
    fitting = [
        use
        for use in uses(site)
        if (use.name == pack if pack else pack_in_use(site, use.name).spec.image == labelled.image)
    ]
    if len(fitting) != 1:
        raise UsageError("pack-unclear", f"{len(fitting)} models read such images")
    return fitting[0]


@contextmanager
def _reader(site: Site, model: Model, reports: Path | None) -> Iterator[Read]:
    """The model as it reads patients, or what it said of them before."""
    if reports is not None:
        folder = reports

        def reported(case: LabelledCase, _: Image) -> tuple[Detection, ...]:
            return report_of(folder, case).marks

        yield reported
        return
    with model.host as host:
        host.warm_up()

        def read(_: LabelledCase, image: Image) -> tuple[Detection, ...]:
            marks, _execution = host.read(image, site.analysis.inference_seconds)
            return marks

        yield read


def _with_progress(labelled: LabelledSet, model: Model, read: Read) -> Measured:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=len(labelled.cases))
        return measure(
            labelled, model.spec, read, lambda done: progress.update(task, completed=done)
        )


def _interval(estimate: Estimate) -> Interval:
    value, low, high = (
        None if figure != figure else figure  # noqa: PLR0124 - NaN
        for figure in (estimate.value, estimate.low, estimate.high)
    )
    return value, low, high
