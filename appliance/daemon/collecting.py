"""The first stage: reads headers while a study arrives, and says when it is complete.

The ledger's times are wall times, which may jump; quiet is measured on monotonic time, from when
this process saw something happen. After a restart the waiting begins anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from appliance.clock import Clock
from appliance.daemon.analyser import Step, Task
from appliance.daemon.workbench import Bench, Workbench
from appliance.domain import Evidence, Reason, Study, StudyKey
from appliance.ledger.intake import AssociationRecord, IntakeLedger
from appliance.ledger.work import Field, Revision
from appliance.phantom import is_phantom
from appliance.pipeline.assemble.completeness import (
    Arrival,
    AssociationFacts,
    Complete,
    Ending,
    Patience,
    Wait,
    judge,
)
from appliance.pipeline.assemble.series import build_series

_RELEASED: Final = "released"


@dataclass(slots=True)
class _Watch:
    """What was seen of one study, on monotonic time."""

    first: float
    last: float
    through: int = 0
    ended: dict[int, float] = field(default_factory=dict)
    silent_until: float = 0.0
    endings: tuple[str | None, ...] = ()


class Collecting:
    """Judges each collecting revision; reads headers as they come, so that the end is quick."""

    def __init__(
        self,
        intake: IntakeLedger,
        workbench: Workbench,
        patience: Patience,
        clock: Clock,
        *,
        mark_phantom: Callable[[Revision], None],
    ) -> None:
        self._intake = intake
        self._workbench = workbench
        self._patience = patience
        self._clock = clock
        self._mark_phantom = mark_phantom
        self._watches: dict[StudyKey, _Watch] = {}

    def __call__(self, task: Task) -> Step | None:
        """The complete `Study`, or None while there is reason to wait."""
        study, through = task.revision.study, task.revision.through
        now = self._clock.monotonic()
        watch = self._watches.setdefault(study, _Watch(first=now, last=now))
        associations = self._intake.associations(study)
        endings = tuple(each.ending for each in associations)
        if watch.through == through and watch.endings == endings and now < watch.silent_until:
            return None
        if watch.through != through:
            watch.through, watch.last = through, now
        watch.endings = endings
        for each in associations:
            if each.ending is not None:
                watch.ended.setdefault(each.id, now)
        return self._judged(task, watch, associations, now)

    def forget(self, study: StudyKey) -> None:
        """The study is no longer collecting."""
        self._watches.pop(study, None)

    def _judged(
        self,
        task: Task,
        watch: _Watch,
        associations: tuple[AssociationRecord, ...],
        now: float,
    ) -> Step | None:
        study = task.revision.study
        filed = tuple(
            each for each in self._intake.instances(study) if each.id <= task.revision.through
        )
        bench = self._workbench.bench(study, task.seal, filed)
        self._workbench.read_headers(bench)
        stored = Counter(each.association for each in filed)
        arrival = Arrival(
            facts=bench.facts(),
            associations=tuple(
                AssociationFacts(_ending(each), watch.ended.get(each.id), stored[each.id])
                for each in associations
            ),
            first_stored_at=watch.first,
            last_stored_at=watch.last,
        )
        match judge(now, arrival, self._patience):
            case Wait(until):
                watch.silent_until = until
                return None
            case Complete(evidence):
                self.forget(study)
                if is_phantom([each.calling_ae for each in associations], bench.headers.values()):
                    self._mark_phantom(task.revision)
                return self._complete(task, bench, tuple(evidence))

    def _complete(self, task: Task, bench: Bench, evidence: tuple[Evidence, ...]) -> Step:
        series, left_out = build_series(bench.facts())
        study = Study(
            key=task.revision.study,
            revision=task.revision.revision,
            series=series,
            evidence=evidence,
            unreadable=(*bench.unreadable(), *self._set_aside(task)),
            left_out=left_out,
        )
        fields: dict[str, Field] = {
            "evidence": ", ".join(evidence),
            "series": len(series),
            "images": sum(len(each.instances) for each in series),
            "unreadable": len(study.unreadable),
            "left_out": len(left_out),
        }
        return Step(study, fields)

    def _set_aside(self, task: Task) -> tuple[tuple[int, Reason], ...]:
        """Images that could not be opened before and were not sent again."""
        quarantined = self._intake.quarantined(task.revision.study)
        return tuple((number, Reason("seal-broken")) for number in quarantined)


def _ending(record: AssociationRecord) -> Ending:
    if record.ending is None:
        return Ending.OPEN
    return Ending.RELEASED if record.ending == _RELEASED else Ending.LOST
