"""The analyser's composition: ledgers, packs and the table of stages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from appliance import journal
from appliance.audit.report import report_if_possible
from appliance.clock import Clock
from appliance.config.schema import Site, UrgencyRule
from appliance.daemon.analyser import Analyser
from appliance.daemon.artefacts import Artefacts
from appliance.daemon.collecting import Collecting
from appliance.daemon.forgetting import Seldom, WorkForgetting, sweep
from appliance.daemon.notify import Notifier
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.loading import Loader, Model
from appliance.daemon.packs.places import PackPlaces, uses
from appliance.daemon.packs.record import ModelRecord
from appliance.daemon.packs.warm import InUse, WarmModels
from appliance.daemon.quarantine import Quarantine
from appliance.daemon.reading import Gating, Reading
from appliance.daemon.reporting import Reporting, SiteWishes
from appliance.daemon.site_file import SiteFile, refusals
from appliance.daemon.site_word import SiteWord
from appliance.daemon.starts import note_start
from appliance.daemon.state import (
    StateFolder,
    master_key,
    reserve_in,
    state_folder,
    when_there,
)
from appliance.daemon.technical import TechnicalMessages
from appliance.daemon.trial.aside import Aside
from appliance.daemon.trial.offer_watch import OfferWatch
from appliance.daemon.trial.rollbacks import Interrupter, RollbackFolder, Rollbacks
from appliance.daemon.trial.trials import Trials, TrialTerms
from appliance.daemon.workbench import Workbench
from appliance.domain import StudyKey
from appliance.errors import StorageError
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.models import ModelStates
from appliance.ledger.work import WorkLedger
from appliance.lifecycle import StudyState
from appliance.loops import Loop, Loops
from appliance.pipeline.alert import DEFAULT_TABLE, Rule, Threshold, UrgencyTable
from appliance.pipeline.assemble.completeness import Patience
from appliance.pipeline.decode import DecodeLimits
from appliance.sealing import MasterKey
from appliance.storage import BlobStore, Reserve, make_folder
from appliance.update.judge import Proof
from appliance.update.layout import UpdateFolder

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
    forgetting: WorkForgetting
    forget_seldom: Seldom
    reserve: Reserve
    activation: Activation
    models: WarmModels
    rollbacks: Rollbacks
    interrupter: Interrupter
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
        reserve = reserve_in(state.analyse)
        reserve.look()
        note_start(state.analyse, clock)
        results = BlobStore(state.results)
        work = WorkLedger(state.work)
        stack.callback(work.close)
        sweep(results, work)
        technical = TechnicalMessages(work, site.site.name, clock)
        states = ModelStates(state.work)
        stack.callback(states.close)
        record = ModelRecord(states, clock)
        activation = Activation(
            state.analyse, clock, technical.tell, partial(report_if_possible, state.access)
        )
        models = WarmModels(activation, Loader(activation, clock), record)
        stack.callback(models.close)
        rollbacks = Rollbacks(RollbackFolder(state.analyse), activation)
        interrupter = Interrupter(rollbacks, models.interrupt, clock)
        stack.callback(interrupter.close)
        intake = when_there(partial(IntakeLedger, state.intake, read_only=True), stop, clock)
        stack.callback(intake.close)
        forgetting = WorkForgetting(state, intake, work, results)
        house = _House(
            state=state,
            master=master,
            intake=intake,
            work=work,
            results=results,
            technical=technical,
            record=record,
            forgetting=forgetting,
            forget_seldom=Seldom(forgetting.look, clock),
            reserve=reserve,
            activation=activation,
            models=models,
            rollbacks=rollbacks,
            interrupter=interrupter,
            loop=loop,
            clock=clock,
        )
        while not stop.is_set():
            with ExitStack() as composed:
                site = site_file.site
                loop.turned(_WARM_UP_SECONDS)
                # Asked for while none ran: before the pack that is to be taken back is started.
                _about_rollback(rollbacks.attend)
                in_use = models.of(site)
                _about_rollback(partial(rollbacks.settle, _running(in_use)))
                aside = _aside(house, site, in_use, composed)
                analyser = _composed(house, site_file, in_use, aside, composed)
                site_file.is_up()
                count = len(in_use.models)
                journal.event("analysing", count=count)
                notifier.ready(f"Analysing with {count} model packs")
                analyser.run(stop, partial(_is_still_wanted, house, site_file, site, aside))


def _is_still_wanted(house: _House, site_file: SiteFile, site: Site, aside: Aside) -> bool:
    """Whether site YAML and packs are those that the analyser was composed for."""
    house.reserve.look()
    house.forget_seldom()
    if site_file.is_reload_asked:
        site_file.reload_if_asked(lambda _: None)
        _tell_of_configuration(house, site_file)
    aside.attend(house.models.doubt)
    return site_file.site is site and house.models.is_current(site) and not aside.has_handed_over


def _running(in_use: InUse) -> dict[str, str]:
    """Pack name → version, of those whose child has started and passed its golden cases."""
    return {
        name: model.identity.version
        for name, model in in_use.models.items()
        if model.host.pid is not None
    }


def _about_rollback(act: Callable[[], None]) -> None:
    try:
        act()
    except StorageError as error:
        journal.fail("rollback-unanswered", code=error.code)


def _tell_of_configuration(house: _House, site_file: SiteFile) -> None:
    refused = refusals(house.state.root)
    house.technical.configuration(refused, site_file.awaiting_restart())


def _aside(house: _House, site: Site, in_use: InUse, stack: ExitStack) -> Aside:
    """What goes on about updates beside the stages."""
    places = PackPlaces.of(site)
    wanted = {use.name: use for use in uses(site)}
    terms = TrialTerms(
        proof=proof(site),
        table=urgency_table(site),
        limits=decode_limits(site),
        deadline_s=site.analysis.inference_seconds,
        may_read=partial(_may_read, SiteWord(house.state.root), site),
    )
    trials = stack.enter_context(
        Trials(
            activation=house.activation,
            models=house.models,
            uses=wanted,
            places=places,
            terms=terms,
            clock=house.clock,
        )
    )
    folder = UpdateFolder(house.state.update)
    return Aside(
        activation=house.activation,
        rollbacks=house.rollbacks,
        offers=OfferWatch(house.activation, wanted, places, folder, house.clock),
        trials=trials,
        models=in_use.models,
        work=house.work,
        instances=house.intake.instances,
        spool=BlobStore(house.state.spool),
        table=terms.table,
        clock=house.clock,
    )


def _composed(
    house: _House, site_file: SiteFile, in_use: InUse, aside: Aside, stack: ExitStack
) -> Analyser:
    """The table of stages as the site YAML wants it now."""
    site, clock, models = site_file.site, house.clock, in_use.models
    house.technical.site = site.site.name
    limits = decode_limits(site)
    scopes = {scope.pack: scope for scope in in_use.scopes}
    workbench = Workbench(BlobStore(house.state.spool), scopes, limits, clock, house.loop)
    stack.callback(workbench.close)
    house.interrupter.interrupt_decoding = workbench.interrupt
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
        may_read=partial(_may_read, SiteWord(house.state.root), site),
        gives_way=aside.gives_way,
        loop=house.loop,
    )

    quarantine = Quarantine(house.intake, house.work, BlobStore(house.state.spool))

    def forget(study: StudyKey) -> None:
        collecting.forget(study)
        workbench.forget(study)

    return Analyser(
        intake=house.intake,
        work=house.work,
        master=house.master,
        stages={
            StudyState.COLLECTING: quarantine.around(collecting),
            StudyState.COMPLETE: Gating(house.work, in_use),
            StudyState.GATED: quarantine.around(reading),
            StudyState.ANALYSED: quarantine.around(reporting),
        },
        give_up=reporting.give_up,
        forget=forget,
        end_former_life=house.forgetting.end_former_life,
        look_round=partial(_tell_of_configuration, house, site_file),
        beside=aside,
        loop=house.loop,
        clock=clock,
    )


def _may_read(word: SiteWord, site: Site, model: Model) -> None:
    word.check(model.identity, model.point.alert, is_required=site.acceptance.required)


def patience(site: Site) -> Patience:
    """How long to wait for the rest of a study."""
    wanted = site.completeness
    return Patience(quiet_s=wanted.quiet_seconds, longest_s=wanted.longest_wait_seconds)


def decode_limits(site: Site) -> DecodeLimits:
    """What the decoding of one series may take."""
    wanted = site.analysis
    return DecodeLimits(wanted.decode_memory_mib << 20, wanted.decode_seconds)


def proof(site: Site) -> Proof:
    """What a pack on trial has to show."""
    wanted = site.update
    return Proof(wanted.shadow_studies, wanted.shadow_hours, wanted.probation_studies)


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
