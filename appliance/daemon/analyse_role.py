"""The analyser's composition: ledgers, packs and the table of stages."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial

from appliance import journal
from appliance.clock import Clock
from appliance.config.schema import Site, UrgencyRule
from appliance.daemon.analyser import Analyser
from appliance.daemon.artefacts import Artefacts
from appliance.daemon.collecting import Collecting
from appliance.daemon.models import load_models, warm_up
from appliance.daemon.reading import Gating, Reading
from appliance.daemon.reporting import Reporting, SiteWishes
from appliance.daemon.state import master_key, state_folder, when_there
from appliance.daemon.technical import TechnicalMessages
from appliance.daemon.workbench import Workbench
from appliance.domain import StudyKey
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.lifecycle import StudyState
from appliance.pipeline.alert import DEFAULT_TABLE, Rule, Threshold, UrgencyTable
from appliance.pipeline.assemble.completeness import Patience
from appliance.pipeline.decode import DecodeLimits
from appliance.storage import BlobStore, free_bytes


def analyse(site: Site, stop: threading.Event, clock: Clock) -> None:
    """Analyse until asked to stop."""
    state = state_folder(site)
    master = master_key(site)
    with ExitStack() as stack:
        work = WorkLedger(state.work)
        stack.callback(work.close)
        results = BlobStore(state.results)
        _sweep(results, work)
        technical = TechnicalMessages(work, site.site.name, clock)
        models = load_models(site, clock, technical.pack_unusable)
        for model in models.values():
            stack.callback(model.host.close)
        intake = when_there(partial(IntakeLedger, state.intake, read_only=True), stop, clock)
        stack.callback(intake.close)
        limits = DecodeLimits(site.analysis.decode_memory_mib << 20, site.analysis.decode_seconds)
        scopes = {name: model.spec.scope for name, model in models.items()}
        workbench = Workbench(BlobStore(state.spool), scopes, limits, clock)
        stack.callback(workbench.close)
        collecting = Collecting(intake, workbench, patience(site), clock)
        artefacts = Artefacts(
            intake=intake,
            workbench=workbench,
            models=models,
            master=master,
            results=results,
            language=site.site.language,
        )
        wishes = SiteWishes(site.site.name, site.results.send_below_threshold)
        reporting = Reporting(work, artefacts, wishes, clock)
        reading = Reading(
            intake=intake,
            work=work,
            workbench=workbench,
            models=models,
            table=urgency_table(site),
            deadline_s=site.analysis.inference_seconds,
            fell_back=technical.fell_back,
        )

        def forget(study: StudyKey) -> None:
            collecting.forget(study)
            workbench.forget(study)

        def look_round() -> None:
            technical.disk(free_bytes(state.root), site.dicom.limits.keep_free_mib << 20)

        analyser = Analyser(
            intake=intake,
            work=work,
            master=master,
            stages={
                StudyState.COLLECTING: collecting,
                StudyState.COMPLETE: Gating(work, models, frozenset(technical.unusable)),
                StudyState.GATED: reading,
                StudyState.ANALYSED: reporting,
            },
            give_up=reporting.give_up,
            forget=forget,
            look_round=look_round,
            clock=clock,
        )
        warm_up(models, technical.pack_down)
        journal.event("analysing", count=len(models))
        analyser.run(stop)


def patience(site: Site) -> Patience:
    """How long to wait for the rest of a study."""
    wanted = site.completeness
    return Patience(quiet_s=wanted.quiet_seconds, longest_s=wanted.longest_wait_seconds)


def urgency_table(site: Site) -> UrgencyTable:
    """The built-in table with the site's lines in it."""
    return DEFAULT_TABLE.with_site_rules(_rule(line) for line in site.urgency)


def _rule(line: UrgencyRule) -> Rule:
    level = Threshold(line.level)
    return Rule(
        name=line.name,
        urgent=line.urgent,
        bones=frozenset(line.bones),
        types=frozenset(line.types),
        score_at_least=level if line.minimum_score is None else line.minimum_score,
        count_at_least=line.minimum_count,
    )


def _sweep(results: BlobStore, work: WorkLedger) -> None:
    """Remove what a killed analyser had made for messages that it never committed."""
    results.sweep_incoming()
    posted = work.posted_blobs()
    for name in tuple(results.names()):
        if name not in posted:
            results.delete(name)
