"""How a pack stands with this site: the latest word on exactly these bytes decides. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from appliance.acceptance.record import Acceptance
from appliance.domain import ModelIdentity
from appliance.errors import AnalysisError


class Standing(StrEnum):
    """In words for the version screen."""

    ACCEPTED = "accepted by this site"
    REFUSED = "REFUSED by this site: it reads no patient"
    OTHER_THRESHOLD = "accepted by this site for another alert threshold"
    UNJUDGED = "not accepted by this site"


def standing(
    kept: Sequence[Acceptance], model: ModelIdentity, alert: float | None
) -> tuple[Standing, Acceptance | None]:
    """How it stands, and what that rests on.

    alert: the threshold that is in use; None where that is not known, and any will do. What was
    refused stays so whatever the threshold, until it is measured again; what was accepted is so
    only for the threshold that was measured.
    """
    latest = next((each for each in reversed(kept) if each.model == model), None)
    if latest is None:
        return Standing.UNJUDGED, None
    if not latest.is_accepted:
        return Standing.REFUSED, latest
    is_same = alert is None or latest.alert == alert
    return (Standing.ACCEPTED if is_same else Standing.OTHER_THRESHOLD), latest


def bar_unless_acceptable(found: Standing, *, is_required: bool) -> None:
    """Let a pack go on to read patients, or not.

    is_required: whether the site wants to have accepted a pack before it reads.

    Raises:
        AnalysisError: `pack-refused-by-site`, `pack-not-accepted`.
    """
    if found is Standing.REFUSED:
        raise AnalysisError("pack-refused-by-site")
    if is_required and found is not Standing.ACCEPTED:
        raise AnalysisError("pack-not-accepted")
