"""The analyser's loop: takes up what the receiver filed and moves each revision to its end.

`work.db` holds the truth; this loop may be killed at any instant and goes on from it. One stage
runs at a time; between stages the most urgent revision is chosen.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from appliance import journal
from appliance.clock import Clock
from appliance.daemon.taking_up import (
    ExtendRevision,
    Later,
    Nothing,
    OpenRevision,
    SetAside,
    decide,
)
from appliance.domain import Reason, StudyKey
from appliance.errors import OsteonError, StorageError, place_of
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import Ending, Field, Revision, WorkLedger
from appliance.lifecycle import MOST_ATTEMPTS, StudyState
from appliance.loops import Loop
from appliance.sealing import MasterKey, StudySeal

_POLL_SECONDS: Final = 0.1
_LOOK_ROUND_SECONDS: Final = 60.0
_STAGE_SECONDS: Final = 300.0
"""What a stage may compute between two steps that have a deadline of their own."""
_NEAREST_THE_END_FIRST: Final = (StudyState.ANALYSED, StudyState.GATED, StudyState.COMPLETE)


@dataclass(frozen=True, slots=True)
class Task:
    """One stage of one revision, with what opens its study. `attempt` counts from 1."""

    revision: Revision
    seal: StudySeal
    attempt: int

    @property
    def is_last_attempt(self) -> bool:
        """Whether the revision is given up when this attempt fails."""
        return self.attempt >= MOST_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage returned: the value of the next state, and its line in the timeline."""

    value: object
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Again:
    """A stage was cut short by something that is not the study's doing: its attempts begin anew."""


Stage = Callable[[Task], Step | Ending | Again | None]
"""Takes a revision out of its state. None means not yet (only while collecting)."""

GiveUp = Callable[[Revision, Reason], Ending]
"""The ending of a revision that some stage could not get through."""


class Beside(Protocol):
    """What uses the machine while no study needs it."""

    def idle(self) -> None:
        """No study is under way: something may begin. Returns at once."""

    def give_way(self) -> None:
        """A stage is about to run: whatever is under way ends now. Returns at once."""

    def ended(self, task: Task) -> None:
        """The outcome and all messages of a revision have been committed."""


def _always() -> bool:
    """Whether a loop is wanted that nobody ever replaces."""
    return True


class Analyser:
    """Moves every study to exactly one of the four outcomes."""

    def __init__(  # noqa: PLR0913 - the composition root names each part once
        self,
        *,
        intake: IntakeLedger,
        work: WorkLedger,
        master: MasterKey,
        stages: Mapping[StudyState, Stage],
        give_up: GiveUp,
        forget: Callable[[StudyKey], None],
        end_former_life: Callable[[StudyKey], bool],
        look_round: Callable[[], None],
        beside: Beside,
        loop: Loop,
        clock: Clock,
    ) -> None:
        self._intake = intake
        self._work = work
        self._master = master
        self._stages = stages
        self._give_up = give_up
        self._forget = forget
        self._end_former_life = end_former_life
        self._look_round = look_round
        self._beside = beside
        self._loop = loop
        self._clock = clock
        self._seen = 0
        self._waiting: set[StudyKey] = set()

    def run(self, stop: threading.Event, is_wanted: Callable[[], bool] = _always) -> None:
        """Work until asked to stop, or wanted no more; a stage under way is finished first."""
        looked_at = -_LOOK_ROUND_SECONDS
        while is_wanted() and not stop.is_set():
            self._loop.turned()
            now = self._clock.monotonic()
            if now - looked_at >= _LOOK_ROUND_SECONDS:
                looked_at = now
                self._look_round()
            if not self.turn():
                self._clock.wait(stop, _POLL_SECONDS)
        self._loop.rests()

    def turn(self) -> bool:
        """Take up what is new and run at most one stage beyond collecting.

        Returns whether a revision moved.
        """
        self._take_up()
        moved = False
        unfinished = self._work.unfinished()
        for revision in unfinished:
            if revision.state is StudyState.COLLECTING:
                moved |= self._advance(revision)
        for state in _NEAREST_THE_END_FIRST:
            for revision in unfinished:
                if revision.state is state:
                    self._beside.give_way()
                    return self._advance(revision) or moved
        if not unfinished:
            self._beside.idle()
        return moved

    # --- taking up --------------------------------------------------------------------------------

    def _take_up(self) -> None:
        changed = self._intake.studies_changed_since(self._seen)
        studies = [*changed, *(study for study in self._waiting if study not in changed)]
        for study in studies:
            latest = self._work.latest(study)
            # At a start every study is looked at, and nearly all of them have ended long ago.
            if latest is None or latest.through < changed.get(study, math.inf):
                self._take_up_study(study, latest)
        self._seen = max([self._seen, *changed.values()])

    def _take_up_study(self, study: StudyKey, latest: Revision | None) -> None:
        self._waiting.discard(study)
        first = self._intake.lives.first_instance(study) or 0
        if latest is not None and latest.through < first and self._end_former_life(study):
            latest = None
        filed = self._intake.instances(study)
        own = frozenset(each.id for each in filed if self._work.is_own_object(each.instance))
        decision = decide(latest, filed, own)
        now = self._clock.now()
        match decision, latest:
            case OpenRevision(through), _:
                case = self._master.case_code(study)
                revision = self._work.open_revision(study, case, through, now)
                journal.event("revision-opened", case=case, revision=revision.revision)
            case ExtendRevision(through), Revision():
                self._work.extend(latest, through)
            case SetAside(through, count), Revision():
                self._work.set_aside(latest, through, count, now)
            case Later(), _:
                self._waiting.add(study)
            case Nothing(), _:
                pass
            case _:
                assert_never(decision)  # type: ignore[arg-type]  # only with a revision

    # --- advancing --------------------------------------------------------------------------------

    def _advance(self, revision: Revision) -> bool:
        """Run the stage that leaves the revision's state; the one broad `except` of this unit."""
        counted = revision.state is not StudyState.COLLECTING
        attempt = self._work.begin_attempt(revision) if counted else revision.attempts + 1
        if attempt > MOST_ATTEMPTS:
            # The stage took the whole process down each time: it had no chance to say why.
            return self._end(revision, self._give_up(revision, Reason("attempts-exhausted")))
        self._loop.turned(_STAGE_SECONDS)
        try:
            task = Task(revision, self._open(revision.study), attempt)
            result = self._stages[revision.state](task)
        except Exception as error:  # noqa: BLE001 - the stage boundary: recorded, and a person is told
            return self._failed(revision, error, attempt)
        match result:
            case None:
                return False
            case Again():
                self._work.begin_anew(revision)
                return True
            case Ending():
                self._end(revision, result)
                self._beside.ended(task)
                return True
            case Step(value, fields):
                now = self._clock.now()
                self._work.advance(revision, value, task.seal, now, fields)
                return True

    def _failed(self, revision: Revision, error: Exception, attempt: int) -> bool:
        code = error.code if isinstance(error, OsteonError) else "attempts-exhausted"
        journal.fail(
            "stage-failed",
            case=revision.case,
            revision=revision.revision,
            state=revision.state,
            code=code,
            place=place_of(error),
            attempt=attempt,
        )
        self._forget(revision.study)
        if revision.state is StudyState.COLLECTING:
            self._work.begin_attempt(revision)
        if attempt < MOST_ATTEMPTS:
            return False
        return self._end(revision, self._give_up(revision, Reason(code)))

    def _end(self, revision: Revision, ending: Ending) -> bool:
        self._work.report(revision, ending, self._clock.now())
        self._forget(revision.study)
        journal.event(
            "study-reported",
            case=revision.case,
            revision=revision.revision,
            outcome=ending.outcome,
            reason=ending.reason,
        )
        return True

    def _open(self, study: StudyKey) -> StudySeal:
        wrapped = self._intake.wrapped_keyset(study)
        if wrapped is None:
            raise StorageError("ledger-broken", "intake.db")
        return self._master.open_keyset(study, wrapped)
