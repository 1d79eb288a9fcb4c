"""The analyser's composition: ledgers, packs and the table of stages."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from appliance import journal
from appliance.clock import Clock
from appliance.config.schema import Site, UrgencyRule
from appliance.daemon.analyser import Analyser
from appliance.daemon.artefacts import Artefacts
from appliance.daemon.collecting import Collecting
from appliance.daemon.model_record import ModelRecord
from appliance.daemon.models import Model, WarmModels
from appliance.daemon.notify import Notifier
from appliance.daemon.reading import Gating, Reading
from appliance.daemon.reporting import Reporting, SiteWishes
from appliance.daemon.site_file import SiteFile, refusals
from appliance.daemon.starts import note_start
from appliance.daemon.state import StateFolder, master_key, state_folder, when_there
from appliance.daemon.technical import TechnicalMessages
from appliance.daemon.workbench import Workbench
from appliance.domain import StudyKey
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.models import ModelStates
from appliance.ledger.work import WorkLedger
from appliance.lifecycle import StudyState
from appliance.loops import Loop, Loops
from appliance.pipeline.alert import DEFAULT_TABLE, Rule, Threshold, UrgencyTable
from appliance.pipeline.assemble.completeness import Patience
from appliance.pipeline.decode import DecodeLimits
from appliance.sealing import MasterKey
from appliance.storage import BlobStore, make_folder

_WARM_UP_SECONDS: Final = 900.0
"""Every pack verified, loaded and tried, where need be on one device after another."""


@dataclass(frozen=True, slots=True)
class _House:
    """What stays open from start to end, whatever the site YAML says meanwhile."""

    state: StateFolder
    master: MasterKey
    intake: IntakeLedger
    work: WorkLedger
    results: BlobStore
    technical: TechnicalMessages
    record: ModelRecord
    loop: Loop
    clock: Clock


def analyse(site_file: SiteFile, stop: threading.Event, clock: Clock) -> None:
    """Analyse until asked to stop; another site YAML is put into use between two stages."""
    site = site_file.site
    state = state_folder(site)
    master = master_key(site)
    loops = Loops(clock)
    loop = loops.add("analyser")
    notifier = Notifier(loops, clock)
    with ExitStack() as stack:
        stack.callback(notifier.close)
        # Before the ledger, whose readers take the store as being there.
        make_folder(state.analyse)
        note_start(state.analyse, clock)
        results = BlobStore(state.results)
        work = WorkLedger(state.work)
        stack.callback(work.close)
        _sweep(results, work)
        technical = TechnicalMessages(work, site.site.name, clock)
        states = ModelStates(state.work)
        stack.callback(states.close)
        record = ModelRecord(states, clock)
        models = WarmModels(clock, record)
        stack.callback(models.close)
        intake = when_there(partial(IntakeLedger, state.intake, read_only=True), stop, clock)
        stack.callback(intake.close)
        house = _House(state, master, intake, work, results, technical, record, loop, clock)
        while not stop.is_set():
            with ExitStack() as composed:
                site = site_file.site
                loop.turned(_WARM_UP_SECONDS)
                running = models.of(site)
                analyser = _composed(house, site_file, running, composed)
                site_file.is_up()
                journal.event("analysing", count=len(running))
                notifier.ready(f"Analysing with {len(running)} model packs")
                analyser.run(stop, partial(_is_still_wanted, house, site, site_file))


def _is_still_wanted(house: _House, site: Site, site_file: SiteFile) -> bool:
    """Whether the site YAML is the one that the analyser was composed for."""
    if site_file.is_reload_asked:
        site_file.reload_if_asked(lambda _: None)
        _tell_of_configuration(house, site_file)
    return site_file.site is site


def _tell_of_configuration(house: _House, site_file: SiteFile) -> None:
    refused = refusals(house.state.root)
    house.technical.configuration(refused, site_file.awaiting_restart())


def _composed(
    house: _House, site_file: SiteFile, models: Mapping[str, Model], stack: ExitStack
) -> Analyser:
    """The table of stages as the site YAML wants it now."""
    site, clock = site_file.site, house.clock
    house.technical.site = site.site.name
    limits = DecodeLimits(site.analysis.decode_memory_mib << 20, site.analysis.decode_seconds)
    scopes = {name: model.spec.scope for name, model in models.items()}
    workbench = Workbench(BlobStore(house.state.spool), scopes, limits, clock, house.loop)
    stack.callback(workbench.close)
    collecting = Collecting(
        house.intake, workbench, patience(site), clock, mark_phantom=house.work.mark_phantom
    )
    artefacts = Artefacts(
        intake=house.intake,
        workbench=workbench,
        models=models,
        master=house.master,
        results=house.results,
        language=site.site.language,
    )
    wishes = SiteWishes(site.site.name, site.results.send_below_threshold)
    reporting = Reporting(house.work, artefacts, wishes, clock)
    reading = Reading(
        intake=house.intake,
        work=house.work,
        workbench=workbench,
        models=models,
        table=urgency_table(site),
        deadline_s=site.analysis.inference_seconds,
        ran=house.record.ran,
        loop=house.loop,
    )

    def forget(study: StudyKey) -> None:
        collecting.forget(study)
        workbench.forget(study)

    return Analyser(
        intake=house.intake,
        work=house.work,
        master=house.master,
        stages={
            StudyState.COLLECTING: collecting,
            StudyState.COMPLETE: Gating(house.work, models, frozenset(house.record.unusable)),
            StudyState.GATED: reading,
            StudyState.ANALYSED: reporting,
        },
        give_up=reporting.give_up,
        forget=forget,
        look_round=partial(_tell_of_configuration, house, site_file),
        loop=house.loop,
        clock=clock,
    )


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
