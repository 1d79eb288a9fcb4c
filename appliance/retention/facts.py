"""What the plan is made from: every study, as the three ledgers have it together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.retention.plan import Hold, StudyFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.domain import StudyKey
    from appliance.ledger.lives import Life
    from appliance.ledger.settlement import Delivered, Progress


def study_facts(
    lives: tuple[Life, ...],
    worked: dict[StudyKey, Progress],
    delivered: Delivered,
) -> Iterator[StudyFacts]:
    """The facts of every study that lives.

    Args:
        lives: read first, so that what the others say is never older.
        worked: what the analyser has done, by study.
        delivered: what has ended of all messages.
    """
    for life in lives:
        progress = worked.get(life.study)
        yield StudyFacts(
            study=life.study,
            case=None if progress is None else progress.case,
            newest=life.newest,
            images=life.images,
            bytes=life.bytes,
            received_at=life.received_at,
            hold=_hold(life, progress, delivered),
            alerted=progress is not None and progress.alerted,
            gave_up=progress is not None and not delivered.gave_up.isdisjoint(progress.messages),
            settled_s=life.settled_s,
        )


def _hold(life: Life, progress: Progress | None, delivered: Delivered) -> Hold | None:
    if progress is None or progress.through < life.newest:
        return Hold.NOT_TAKEN_UP
    if progress.under_way:
        return Hold.UNDER_WAY
    # Only what is known to have ended counts: an item that was not taken up yet is in no list.
    left = [message for message in progress.messages if message not in delivered.ended]
    if not left:
        return None
    told = delivered.alerts.issuperset(left)
    return Hold.UNACKNOWLEDGED if told else Hold.UNDELIVERED
