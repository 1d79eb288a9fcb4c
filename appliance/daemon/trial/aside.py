"""What the analyser does about updates, seen from its loop: nothing here may stop a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from appliance import journal
from appliance.clock import Clock
from appliance.daemon.analyser import Task
from appliance.daemon.packs.activation import Activation
from appliance.daemon.packs.loading import Model
from appliance.daemon.trial.jobs import ReadStudy, answer_of
from appliance.daemon.trial.offer_watch import OfferWatch
from appliance.daemon.trial.rollbacks import Rollbacks
from appliance.daemon.trial.trials import Trials
from appliance.daemon.workbench import opener
from appliance.domain import Detections, Read, SpooledInstance, Study, StudyKey
from appliance.errors import OsteonError, StorageError
from appliance.ledger.work import WorkLedger
from appliance.lifecycle import StudyState
from appliance.pipeline.alert import UrgencyTable
from appliance.storage import BlobStore

_PAUSE_SECONDS: Final = 60.0
"""After the disk could not be written."""


class Aside:
    """Offers, rollbacks by hand and trials, between the studies. See `analyser.Beside`."""

    def __init__(  # noqa: PLR0913 - the composition root names each part once
        self,
        *,
        activation: Activation,
        rollbacks: Rollbacks,
        offers: OfferWatch,
        trials: Trials,
        models: Mapping[str, Model],
        work: WorkLedger,
        instances: Callable[[StudyKey], tuple[SpooledInstance, ...]],
        spool: BlobStore,
        table: UrgencyTable,
        clock: Clock,
    ) -> None:
        self._activation = activation
        self._rollbacks = rollbacks
        self._offers = offers
        self._trials = trials
        self._models = models
        self._work = work
        self._instances = instances
        self._spool = spool
        self._table = table
        self._clock = clock
        self._not_before: dict[str, float] = {}

    @property
    def has_handed_over(self) -> bool:
        """Whether a candidate has become an active pack: the stages are to be composed anew."""
        return self._trials.has_handed_over

    def attend(self, doubt: Callable[[], None]) -> None:
        """Between two stages: whatever has come in. `doubt`: see `OfferWatch.look`."""
        self._guarded("save", self._activation.save)
        self._guarded("rollback", self._rollbacks.attend)
        self._guarded("step", self._trials.step)
        self._guarded("offers", lambda: self._offers.look(doubt))

    def idle(self) -> None:
        """See `analyser.Beside`."""
        self._guarded("trial", self._trials.idle)

    def give_way(self) -> None:
        """See `analyser.Beside`."""
        self._trials.give_way()

    def gives_way(self, name: str, error: OsteonError) -> bool:
        """Whether the pack whose reading failed is not to be asked again: see `reading.GivesWay`.

        So it is where it was on probation, and where a rollback by hand cut the reading short.
        """
        return name in self._rollbacks.waiting() or self._trials.gives_way(name, error)

    def ended(self, task: Task) -> None:
        """See `analyser.Beside`. Each study counts once, by its first revision."""
        revision = task.revision
        is_reading = revision.state is StudyState.ANALYSED and not revision.is_phantom
        if is_reading and revision.revision == 1:
            self._guarded("count", lambda: self._count(task))

    def _count(self, task: Task) -> None:
        revision, seal = task.revision, task.seal
        value = self._work.value(revision, StudyState.ANALYSED, seal)
        study = self._work.value(revision, StudyState.COMPLETE, seal)
        if not isinstance(value, Read) or not isinstance(study, Study):
            return
        filed = self._instances(revision.study)
        blobs = {each.id: each.blob for each in filed}
        by_pack: dict[str, list[Detections]] = {}
        for each in value.detections:
            by_pack.setdefault(each.job.pack, []).append(each)
        for name, found in by_pack.items():
            model = self._models.get(name)
            if model is None or {each.model for each in found} != {model.identity}:
                continue
            read = ReadStudy(
                study=study,
                jobs=tuple(each.job for each in found),
                open_instance=opener(self._spool, seal, blobs),
                peer=answer_of(found, model.point, self._table),
            )
            self._trials.live(name, model, read)

    def _guarded(self, what: str, act: Callable[[], None]) -> None:
        """A disk that cannot be written stops one thing about updates for a while, and no study."""
        if self._clock.monotonic() < self._not_before.get(what, float("-inf")):
            return
        try:
            act()
        except StorageError as error:
            journal.fail("update-step-failed", stage=what, code=error.code)
            self._not_before[what] = self._clock.monotonic() + _PAUSE_SECONDS
