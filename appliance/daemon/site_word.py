"""What this site has said of its models with `osteon accept`, in force as soon as it is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from appliance.acceptance import Acceptance, AcceptanceFile, bar_unless_acceptable, standing
from appliance.config.schema import Site
from appliance.domain import ModelIdentity
from appliance.errors import AnalysisError, StorageError
from appliance.health.judge import PackDown
from appliance.ledger.models import ModelState


class SiteWord:
    """Reads the record anew whenever it has changed; one thread at a time."""

    def __init__(self, state_folder: Path) -> None:
        self._file = AcceptanceFile(state_folder)
        self._stamp: tuple[int, int] | None = None
        self._kept: Sequence[Acceptance] = ()

    def check(self, model: ModelIdentity, alert: float | None, *, is_required: bool) -> None:
        """Whether a model may read patients. A record that cannot be read allows nothing.

        alert: the threshold in use; None: whatever it is.

        Raises:
            AnalysisError: `pack-refused-by-site`, `pack-not-accepted`, `acceptance-broken`.
        """
        try:
            found, _ = standing(self._read(), model, alert)
        except StorageError as error:
            raise AnalysisError("acceptance-broken", error.detail) from None
        bar_unless_acceptable(found, is_required=is_required)

    def barred(self, site: Site, models: Sequence[ModelState]) -> Iterator[PackDown]:
        """Those of the analyser's models that may not read, for the technician.

        That one was accepted for another threshold is told with each study that it stops.
        """
        is_required = site.acceptance.required
        for each in models:
            model = ModelIdentity(each.name, each.version, each.digest)
            try:
                self.check(model, None, is_required=is_required)
            except AnalysisError as error:
                yield PackDown(each.name, error.code, error.detail or "osteon accept")

    def _read(self) -> Sequence[Acceptance]:
        stamp = self._file.stamp()
        if stamp != self._stamp or stamp is None:
            self._kept = self._file.read()
            self._stamp = stamp
        return self._kept
