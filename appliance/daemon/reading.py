"""The second and third stage: whether a study is for this box, and what the packs see in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from appliance.daemon.analyser import Again, Step, Task
from appliance.daemon.packs.loading import Model
from appliance.daemon.packs.warm import InUse
from appliance.daemon.workbench import Workbench
from appliance.domain import (
    Admitted,
    Detection,
    Detections,
    Execution,
    Finding,
    Job,
    NotRead,
    OutOfScope,
    Read,
    Reason,
    Refused,
    ScoreRange,
    Study,
)
from appliance.errors import AnalysisError, DecodeError, OsteonError
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import Field, WorkLedger
from appliance.lifecycle import StudyState
from appliance.loops import Loop
from appliance.pipeline import gate
from appliance.pipeline.alert import UrgencyTable, decide, reported
from appliance.pipeline.findings import named_by_tags

_START_SECONDS: Final = 480.0
"""A child that must be started first: probed, loaded and tried, on an accelerator and the CPU."""
_WORTH_ANOTHER_TRY: Final = frozenset(
    {"decoder-crashed", "inference-crashed", "inference-garbage", "inference-memory"}
)
"""Anything else would only fail again, and a person waits to be told."""

_BEYOND: Final = {
    ScoreRange.OUTSIDE: "outside the range in which it was measured",
    ScoreRange.NOT_MEASURED: "of a model that states no such range",
}

Ran = Callable[[str, Execution], None]
"""Told of each reading that a pack finished: the pack's name, and how it ran."""
MayRead = Callable[[Model], None]
"""Raises AnalysisError for a model that this site does not let read patients."""
GivesWay = Callable[[str, OsteonError], bool]
"""Told of each reading that failed; whether another model of that name takes the pack's place."""


class _GaveWay(Exception):  # noqa: N818 - no error: the study is read by the other model
    """The model that was reading is in use no more."""


class Gating:
    """Holds a complete study against what the packs accept."""

    def __init__(self, work: WorkLedger, in_use: InUse) -> None:
        self._work = work
        self._scopes = in_use.scopes
        self._withheld = frozenset(scope.pack for scope in in_use.withheld)
        self._unusable = in_use.unusable

    def __call__(self, task: Task) -> Step:
        """The `GateDecision`."""
        study = self._work.value(task.revision, StudyState.COMPLETE, task.seal)
        assert isinstance(study, Study)  # noqa: S101 - what `lifecycle.VALUES` says of COMPLETE
        decision = gate.decide(study, self._scopes)
        if isinstance(decision, OutOfScope) and self._unusable:
            # A pack that could not be verified might have been the one for this study.
            is_recalled = "pack-recalled" in self._unusable.values()
            decision = Refused(Reason("pack-recalled" if is_recalled else "pack-missing"))
        if isinstance(decision, Admitted) and self._withheld & {job.pack for job in decision.jobs}:
            decision = Refused(Reason("pack-recalled"))
        match decision:
            case Admitted(jobs, set_aside):
                fields = {"jobs": len(jobs), "set_aside": len(set_aside)}
                return Step(decision, fields)
            case OutOfScope(reason) | Refused(reason):
                return Step(decision, {"reason": reason.code})


class Reading:
    """Runs every admitted job; a `Read` comes only of all of them having finished."""

    def __init__(  # noqa: PLR0913 - one stage, its parts
        self,
        *,
        intake: IntakeLedger,
        work: WorkLedger,
        workbench: Workbench,
        models: Mapping[str, Model],
        table: UrgencyTable,
        deadline_s: float,
        ran: Ran,
        may_read: MayRead,
        gives_way: GivesWay,
        loop: Loop,
    ) -> None:
        self._intake = intake
        self._work = work
        self._workbench = workbench
        self._models = models
        self._table = table
        self._deadline_s = deadline_s
        self._ran = ran
        self._may_read = may_read
        self._gives_way = gives_way
        self._loop = loop

    def __call__(self, task: Task) -> Step | Again:
        """`Read`, `NotRead` or `OutOfScope`; `Again` where the model gave way to another one.

        Raises StorageError, and AnalysisError or DecodeError while another try may help.
        """
        decision = self._work.value(task.revision, StudyState.GATED, task.seal)
        match decision:
            case OutOfScope(reason):
                return Step(decision, {"reason": reason.code})
            case Refused(reason):
                return Step(NotRead(reason), {"reason": reason.code})
            case Admitted(jobs):
                return self._read_or_say_why(task, jobs)
            case _:
                raise AnalysisError("stage-value-unknown", type(decision).__name__)

    def _read_or_say_why(self, task: Task, jobs: tuple[Job, ...]) -> Step | Again:
        try:
            return self._read(task, jobs)
        except _GaveWay:
            self._workbench.forget(task.revision.study)
            return Again()
        except (AnalysisError, DecodeError) as error:
            if error.code in _WORTH_ANOTHER_TRY and not task.is_last_attempt:
                raise
            return Step(NotRead(Reason(error.code, error.detail)), {"reason": error.code})

    def _read(self, task: Task, jobs: tuple[Job, ...]) -> Step:
        study = self._work.value(task.revision, StudyState.COMPLETE, task.seal)
        assert isinstance(study, Study)  # noqa: S101 - what `lifecycle.VALUES` says of COMPLETE
        finished = tuple(self._run(task, study, job) for job in jobs)
        points = {name: model.point for name, model in self._models.items()}
        judged = decide(reported(finished, points), self._table, points)
        fields: dict[str, Field] = {
            "findings": len(judged.findings),
            "urgent": sum(finding.urgent for finding in judged.findings),
            "rule": judged.study.rule,
            "scores": scores_beyond(judged.findings),
            "model": ", ".join(sorted({_named(each) for each in finished})),
            "device": ", ".join(sorted({each.execution.device for each in finished})),
            "seconds": round(sum(each.execution.latency_s for each in finished), 3),
        }
        return Step(Read(judged.findings, finished, judged.study.rule), fields)

    def _run(self, task: Task, study: Study, job: Job) -> Detections:
        model = self._models.get(job.pack)
        if model is None:
            raise AnalysisError("pack-missing", job.pack)
        self._may_read(model)
        bench = self._workbench.bench(study.key, task.seal, self._intake.instances(study.key))
        try:
            image = self._workbench.image(bench, study, job)
            self._loop.turned(self._deadline_s + _START_SECONDS)
            items, execution = model.host.read(image, self._deadline_s)
        except (AnalysisError, DecodeError) as error:
            if self._gives_way(job.pack, error):
                raise _GaveWay from None
            raise
        self._ran(job.pack, execution)
        return detections_of(study, job, model, items, execution)


def detections_of(
    study: Study,
    job: Job,
    model: Model,
    items: tuple[Detection, ...],
    execution: Execution,
) -> Detections:
    """What a model marked, by the names that the films' own tags give to the places."""
    if model.spec.image == "film":
        shown = (facts for series in study.series for facts in series.instances)
        film = next(facts for facts in shown if facts.spooled_id == job.spooled_ids[0])
        items = tuple(named_by_tags(item, film) for item in items)
    return Detections(job, model.identity, execution, items)


def scores_beyond(findings: tuple[Finding, ...]) -> str:
    """How many scores the packs' evaluation says nothing about, and why; empty for none."""
    counts = Counter(finding.score_range for finding in findings)
    return "; ".join(
        f"{counts[standing]} of {len(findings)} {words}"
        for standing, words in _BEYOND.items()
        if counts[standing]
    )


def _named(detections: Detections) -> str:
    model = detections.model
    return f"{model.name} {model.version} on {detections.execution.runtime}"
