"""Which sealed images of a study cannot be opened, so that the receiver sets them aside.

A stage that meets one fails, is tried again like any other, and in the end the study is "could not
analyse" and a person is told. Only then are the broken images noted: set aside earlier, the study
would be read without them. Once aside, the same image can be sent again and begins a new revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from appliance import journal
from appliance.daemon.analyser import Task
from appliance.errors import StorageError
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import WorkLedger
from appliance.storage import BlobStore

_BROKEN: Final = frozenset({"seal-broken", "blob-missing"})
_PIECE: Final = 1 << 20
_Result = TypeVar("_Result")


class Quarantine:
    """Notes in the analyser's ledger what the receiver is to set aside."""

    def __init__(self, intake: IntakeLedger, work: WorkLedger, spool: BlobStore) -> None:
        self._intake = intake
        self._work = work
        self._spool = spool

    def around(self, stage: Callable[[Task], _Result]) -> Callable[[Task], _Result]:
        """The same stage; when it fails for good on what cannot be opened, that is looked for."""

        def guarded(task: Task) -> _Result:
            try:
                return stage(task)
            except StorageError as error:
                if error.code in _BROKEN and task.is_last_attempt:
                    self._note(task)
                raise

        return guarded

    def _note(self, task: Task) -> None:
        broken = dict(self._broken(task))
        self._work.note_broken(task.revision.study, broken)
        journal.fail("instances-broken", case=task.revision.case, count=len(broken))

    def _broken(self, task: Task) -> Iterator[tuple[int, str]]:
        for instance in self._intake.instances(task.revision.study):
            try:
                with task.seal.reader(self._spool.open(instance.blob)) as stream:
                    while stream.read(_PIECE):
                        pass
            except StorageError as error:
                if error.code in _BROKEN:
                    yield instance.id, error.code
