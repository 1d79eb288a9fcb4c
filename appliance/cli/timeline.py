"""The timeline of one case, put together from the three ledgers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from appliance.cli.options import site_in_use
from appliance.daemon.state import state_folder
from appliance.domain import CaseCode, StudyKey
from appliance.errors import StorageError
from appliance.ledger.delivery import DeliveryLedger
from appliance.ledger.intake import IntakeLedger
from appliance.ledger.work import Revision, WorkLedger

Ledger = TypeVar("Ledger", IntakeLedger, WorkLedger, DeliveryLedger)


@dataclass(frozen=True, slots=True)
class Ledgers:
    """The box's ledgers, for reading; None where a unit has not run yet."""

    intake: IntakeLedger | None
    work: WorkLedger | None
    delivery: DeliveryLedger | None


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline."""

    at: float
    revision: int
    what: str
    details: Mapping[str, object]


def open_ledgers(stack: ExitStack, config: Path) -> Ledgers:
    """Open for reading what is there; the stack closes it."""
    state = state_folder(site_in_use(config))

    def opened(kind: type[Ledger], path: Path) -> Ledger | None:
        try:
            ledger = kind(path, read_only=True)
        except StorageError as error:
            if error.code == "ledger-missing":
                return None
            raise
        stack.callback(ledger.close)
        return ledger

    return Ledgers(
        opened(IntakeLedger, state.intake),
        opened(WorkLedger, state.work),
        opened(DeliveryLedger, state.delivery),
    )


def moments_of(
    ledgers: Ledgers, case: CaseCode, revisions: tuple[Revision, ...]
) -> tuple[Moment, ...]:
    """All that happened to a case, in the order in which it happened."""
    study = revisions[0].study
    moments: list[Moment] = []
    if ledgers.intake is not None:
        moments += _received(ledgers.intake, study)
    if ledgers.work is not None:
        moments += [
            Moment(event.at, event.revision, event.name, event.fields)
            for event in ledgers.work.events(study)
        ]
    if ledgers.delivery is not None:
        moments += _delivered(ledgers.delivery, case)
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _received(intake: IntakeLedger, study: StudyKey) -> Iterator[Moment]:
    for association in intake.associations(study):
        peer = {"from": association.calling_ae}
        yield Moment(association.opened_at, 0, "association opened", peer)
        if association.closed_at is not None:
            ended = {**peer, "ending": association.ending}
            yield Moment(association.closed_at, 0, "association ended", ended)
    filed = intake.instances(study)
    if filed:
        count = {"images": len(filed), "bytes": sum(each.size for each in filed)}
        yield Moment(filed[0].received_at, 0, "first image durable", {})
        yield Moment(filed[-1].received_at, 0, "last image durable", count)


def _delivered(delivery: DeliveryLedger, case: CaseCode) -> Iterator[Moment]:
    for progress in delivery.of_case(case):
        for each in progress.deliveries:
            details = {
                "kind": progress.kind,
                "channel": each.destination.channel,
                "tries": each.tries,
                "code": each.code,
                "receipt": each.receipt,
            }
            yield Moment(each.last.wall, progress.revision, f"delivery {each.state}", details)
    for said in delivery.acknowledgements():
        if said.case == case:
            yield Moment(said.at, 0, "acknowledged", {"by": said.by})
