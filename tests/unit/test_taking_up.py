import pytest
from pydicom import uid

from appliance.daemon.taking_up import (
    ExtendRevision,
    Later,
    Nothing,
    OpenRevision,
    SetAside,
    decide,
)
from appliance.domain import CaseCode, InstanceKey, SeriesKey, SpooledInstance, StudyKey
from appliance.ledger.work import Revision
from appliance.lifecycle import StudyState


def instance(number: int, sop_class: str = uid.CTImageStorage) -> SpooledInstance:
    return SpooledInstance(
        number, "", StudyKey("s"), SeriesKey("x"), InstanceKey(str(number)), "", sop_class, "",
        1, 1, 0.0,
    )  # fmt: skip


def revision(state: StudyState, through: int) -> Revision:
    return Revision(StudyKey("s"), 1, CaseCode("c"), state, 0, through, 0, 0, None, None)


REPORTED = StudyState.REPORTED
REPORT = uid.ComprehensiveSRStorage


@pytest.mark.parametrize(
    ("latest", "filed", "own", "expected"),
    [
        (None, [instance(1)], [], OpenRevision(1)),
        (None, [instance(1, REPORT)], [], OpenRevision(1)),
        (revision(StudyState.COLLECTING, 1), [instance(1), instance(4)], [], ExtendRevision(4)),
        (revision(StudyState.COLLECTING, 1), [instance(1)], [], Nothing()),
        (revision(StudyState.GATED, 1), [instance(1), instance(2)], [], Later()),
        (revision(REPORTED, 2), [instance(1), instance(2)], [], Nothing()),
        (revision(REPORTED, 1), [instance(1), instance(2)], [], OpenRevision(2)),
        (revision(REPORTED, 1), [instance(1), instance(2, REPORT)], [], SetAside(2, 1)),
        (revision(REPORTED, 1), [instance(1), instance(2)], [2], SetAside(2, 1)),
        (revision(REPORTED, 1), [instance(1), instance(2), instance(3)], [2], OpenRevision(3)),
    ],
)  # fmt: skip
def test_what_new_instances_begin(
    latest: Revision | None, filed: list[SpooledInstance], own: list[int], expected: object
) -> None:
    assert decide(latest, tuple(filed), frozenset(own)) == expected
