"""`osteon accept`: a site measures a model on its own labelled set, before the model may alert."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from appliance import journal
from appliance.acceptance import Acceptance
from appliance.cli.acceptance_shown import show
from appliance.cli.audited import audited
from appliance.cli.measuring import Measurement, criteria_of, fitting, keep, measured, the_one
from appliance.cli.options import config_option, json_option, site_of
from appliance.cli.presentation import as_json, screen
from appliance.config.schema import Site
from appliance.daemon.packs.places import uses
from appliance.daemon.state import state_folder
from appliance.errors import UsageError
from appliance.labelled import open_set


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
    criteria = criteria_of(
        site,
        sensitivity_at_least=sensitivity,
        specificity_at_least=specificity,
        false_marks_at_most=false_marks,
        fractured_at_least=fractured,
        intact_at_least=intact,
    )
    labelled = open_set(folder)
    use = the_one(uses(site) if pack else fitting(site, labelled), pack)
    wanted = Measurement(labelled, use, by.strip(), criteria, candidate, results)
    acceptance = _with_progress(site, wanted)
    is_kept = not (measure_only or results)
    if is_kept:
        audited(state_folder(site).access, keep(site, acceptance))
    if is_json:
        as_json({**asdict(acceptance), "accepted": acceptance.is_accepted, "kept": is_kept})
    else:
        show(acceptance, screen(), is_kept=is_kept, is_reports=results is not None)
    sys.exit(0 if acceptance.is_accepted else 1)


def _with_progress(site: Site, wanted: Measurement) -> Acceptance:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=len(wanted.labelled.cases))
        return measured(site, wanted, lambda done: progress.update(task, completed=done))
