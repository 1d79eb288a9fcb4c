"""The studies' keysets as the receiver needs them: opened once, remembered while they are used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from appliance.domain import StudyKey
    from appliance.pipeline.receive.committer import Committer
    from appliance.sealing import MasterKey, StudySeal

_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class OpenKeyset:
    """A study's seal, and the wrapped form that goes into the ledger with its first instance."""

    wrapped: bytes
    seal: StudySeal


class Keysets:
    """One keyset for each study, also for associations that send the same new study at once."""

    def __init__(self, master: MasterKey, committer: Committer) -> None:
        self._master = master
        self._committer = committer
        self._lock = threading.Lock()
        self._open: OrderedDict[StudyKey, OpenKeyset] = OrderedDict()

    def of(self, study: StudyKey) -> OpenKeyset:
        """The study's keyset; a new study gets a new one, durable with its first instance.

        Raises:
            StorageError: the ledger failed, or the stored keyset is not of this box.
        """
        with self._lock:
            if study in self._open:
                self._open.move_to_end(study)
                return self._open[study]
            stored = self._committer.commit(lambda ledger: ledger.wrapped_keyset(study))
            wrapped = stored or self._master.new_keyset(study)
            keyset = OpenKeyset(wrapped, self._master.open_keyset(study, wrapped))
            self._open[study] = keyset
            if len(self._open) > _REMEMBERED:
                self._open.popitem(last=False)
            return keyset

    def forget(self, study: StudyKey) -> None:
        """Ask the ledger again next time: what is remembered did not fit."""
        with self._lock:
            self._open.pop(study, None)
