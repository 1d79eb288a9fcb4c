"""The last stage: the outcome, the objects for the PACS, and the words for a person.

A person hears of an urgent finding, and of a study that could not be analysed, even when the page
or the objects cannot be made: the last attempt goes out with the words alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from appliance.clock import Clock
from appliance.daemon.analyser import Task
from appliance.daemon.artefacts import Artefacts, Made
from appliance.daemon.drafts import Draft, modality_of, outcome_of, urgent_findings
from appliance.domain import (
    AlertSummary,
    Finding,
    MessageKind,
    NotRead,
    Outcome,
    OutOfScope,
    Read,
    Reason,
    Study,
)
from appliance.errors import AnalysisError
from appliance.ledger.work import Ending, NewMessage, Revision, WorkLedger
from appliance.lifecycle import StudyState
from appliance.pipeline.alert import AmendmentKind, amendment
from appliance.sealing import StudySeal

_NOTHING: Final = Made((), ())


@dataclass(frozen=True, slots=True)
class SiteWishes:
    """What the site YAML says about reporting."""

    name: str
    send_below_threshold: bool


class Reporting:
    """Ends a revision in one of the four outcomes."""

    def __init__(
        self, work: WorkLedger, artefacts: Artefacts, wishes: SiteWishes, clock: Clock
    ) -> None:
        self._work = work
        self._artefacts = artefacts
        self._wishes = wishes
        self._clock = clock

    def __call__(self, task: Task) -> Ending:
        """The ending. Raises DecodeError, StorageError, ConfigError while attempts are left."""
        concluded = self._work.value(task.revision, StudyState.ANALYSED, task.seal)
        if task.revision.is_phantom:
            return self._test(task, concluded)
        match concluded:
            case OutOfScope(reason):
                return Ending(Outcome.NOT_FOR_THIS_BOX, reason.code)
            case NotRead(reason):
                return self._unread(task, reason)
            case Read():
                return self._read(task, concluded)
            case _:
                raise AnalysisError("stage-value-unknown", type(concluded).__name__)

    def give_up(self, revision: Revision, reason: Reason) -> Ending:
        """The ending of a revision that a stage could not get through: words alone."""
        draft = Draft(revision, self._wishes.name, self._clock.now())
        if revision.is_phantom:
            message = NewMessage(MessageKind.TEST, draft.test(Outcome.NOT_ANALYSED, reason))
        else:
            message = NewMessage(MessageKind.NOT_ANALYSED, draft.unread(reason))
        return Ending(Outcome.NOT_ANALYSED, reason.code, (message,))

    # --- the box's own phantom --------------------------------------------------------------------

    def _test(self, task: Task, concluded: object) -> Ending:
        """The outcome that the pipeline came to, told as a test.

        No finding and no picture is shown, and nothing goes to the PACS: it must not look like a
        patient's anywhere.
        """
        why: Reason | None
        match concluded:
            case OutOfScope(reason):
                outcome, why = Outcome.NOT_FOR_THIS_BOX, reason
            case NotRead(reason):
                outcome, why = Outcome.NOT_ANALYSED, reason
            case Read():
                outcome, why = outcome_of(concluded)
            case _:
                raise AnalysisError("stage-value-unknown", type(concluded).__name__)
        summary = self._draft(task).test(outcome, why)
        page = () if task.is_last_attempt else (self._artefacts.plain_page(task, summary),)
        message = NewMessage(MessageKind.TEST, summary, page)
        return Ending(outcome, why.code if why else None, (message,), fields={"test": True})

    # --- not analysed -----------------------------------------------------------------------------

    def _unread(self, task: Task, reason: Reason) -> Ending:
        message = self._unread_message(task, self._draft(task).unread(reason))
        return Ending(Outcome.NOT_ANALYSED, reason.code, (message,))

    def _unread_message(self, task: Task, summary: AlertSummary) -> NewMessage:
        page = () if task.is_last_attempt else (self._artefacts.plain_page(task, summary),)
        return NewMessage(MessageKind.NOT_ANALYSED, summary, page)

    # --- read -------------------------------------------------------------------------------------

    def _read(self, task: Task, read: Read) -> Ending:
        outcome, unread = outcome_of(read)
        change = amendment(self._told_before(task.revision, task.seal), urgent_findings(read))
        is_told = change.kind is not AmendmentKind.NONE
        draft = self._draft(task)
        drawing = None
        if (is_told or self._wishes.send_below_threshold) and not task.is_last_attempt:
            drawing = self._artefacts.draw(task, self._study(task), read, draft.decided_at)
        made = self._artefacts.objects(drawing, task.seal) if drawing else _NOTHING
        messages: list[NewMessage] = []
        if is_told:
            summary = draft.clinical(change, read)
            page = (self._artefacts.page(drawing, summary, task.seal),) if drawing else ()
            messages.append(NewMessage(summary.kind, summary, page))
        if unread is not None:
            messages.append(self._unread_message(task, draft.unread(unread)))
        if made.objects:
            messages.append(NewMessage(MessageKind.RESULT_OBJECT, None, made.objects))
        return Ending(
            outcome=outcome,
            reason=unread.code if unread else None,
            messages=tuple(messages),
            own_objects=made.own,
            fields={"told": change.kind, "objects": len(made.objects)},
        )

    def _told_before(self, revision: Revision, seal: StudySeal) -> tuple[Finding, ...] | None:
        """The urgent findings as the case last told them; None where it never alerted."""
        earlier = [
            found
            for number in range(1, revision.revision)
            if (found := self._work.revision(revision.study, number)) is not None
        ]
        if all(each.outcome is not Outcome.ALERT for each in earlier):
            return None
        read = (
            value
            for each in reversed(earlier)
            if each.outcome in {Outcome.ALERT, Outcome.BELOW_THRESHOLD}
            and isinstance(value := self._work.value(each, StudyState.ANALYSED, seal), Read)
        )
        return urgent_findings(next(read))

    def _draft(self, task: Task) -> Draft:
        modality = modality_of(self._study(task))
        return Draft(task.revision, self._wishes.name, self._clock.now(), modality)

    def _study(self, task: Task) -> Study:
        study = self._work.value(task.revision, StudyState.COMPLETE, task.seal)
        assert isinstance(study, Study)  # noqa: S101 - what `lifecycle.VALUES` says of COMPLETE
        return study
