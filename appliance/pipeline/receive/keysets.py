"""The studies' keysets as the receiver needs them: opened once, remembered while they are used."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from appliance.keyring import new_life, wrapped_by
from appliance.ledger.intake import StoredKeyset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.domain import StudyKey
    from appliance.pipeline.receive.committer import Committer
    from appliance.sealing import MasterKey, StudySeal

_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class OpenKeyset:
    """A study's seal, and the stored form that goes into the ledger with its first instance."""

    stored: StoredKeyset
    seal: StudySeal


class Keysets:
    """One keyset for each study, also for associations that send the same new study at once.

    Whoever writes an object borrows its keyset until the object is filed or gone: meanwhile the
    study cannot end, nor the key be retired that wraps it.
    """

    def __init__(self, master: MasterKey, committer: Committer) -> None:
        self._master = master
        self._committer = committer
        self._lock = threading.Lock()
        self._open: OrderedDict[StudyKey, OpenKeyset] = OrderedDict()
        self._borrowed: Counter[StudyKey] = Counter()

    def borrow(self, study: StudyKey) -> OpenKeyset:
        """The study's keyset; a new study gets a new one, durable with its first instance.

        Raises:
            StorageError: the ledger failed, or the stored keyset is not of this box.
        """
        with self._lock:
            keyset = self._open.get(study)
            if keyset is None or not (self._borrowed[study] or self._is_current(keyset)):
                keyset = self._opened(study)
            self._open[study] = keyset
            self._open.move_to_end(study)
            self._borrowed[study] += 1
            self._forget_eldest()
            return keyset

    def give_back(self, study: StudyKey) -> None:
        """The object for which it was borrowed is filed, or gone."""
        with self._lock:
            self._borrowed[study] -= 1
            if self._borrowed[study] <= 0:
                del self._borrowed[study]

    def forget(self, study: StudyKey) -> None:
        """Ask the ledger again next time: what is remembered did not fit."""
        with self._lock:
            self._open.pop(study, None)

    @contextmanager
    def ending(self, study: StudyKey) -> Iterator[bool]:
        """Within it nobody borrows; False where somebody has already, and the study must stay."""
        with self._lock:
            if self._borrowed[study]:
                yield False
            else:
                self._open.pop(study, None)
                yield True

    def all_wrapped_by(self, key: int) -> bool:
        """Whether no borrowed keyset could still be filed as wrapped by another key."""
        with self._lock:
            return all(
                study in self._open and self._open[study].stored.wrapped_by == key
                for study in self._borrowed
            )

    def _is_current(self, keyset: OpenKeyset) -> bool:
        return keyset.stored.wrapped_by == self._master.wrapping_key

    def _opened(self, study: StudyKey) -> OpenKeyset:
        stored = self._committer.commit(lambda ledger: ledger.keyset(study))
        if stored is None:
            wrapped = self._master.new_keyset(study)
            stored = StoredKeyset(new_life(), wrapped, wrapped_by(wrapped))
        return OpenKeyset(stored, self._master.open_keyset(study, stored.wrapped))

    def _forget_eldest(self) -> None:
        for study in tuple(self._open):
            if len(self._open) <= _REMEMBERED:
                return
            if not self._borrowed[study]:
                del self._open[study]
