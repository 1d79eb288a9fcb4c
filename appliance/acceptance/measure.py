"""Reads a labelled set with a pack, as the box reads patients, and matches what it marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.domain import Detection
from appliance.errors import AnalysisError, LabelledSetError
from appliance.evaluation import Exam, Scored, score
from appliance.imaging import Image
from appliance.inference.pack_schema import PackSpec
from appliance.labelled import LabelledCase, LabelledSet

Read = Callable[[LabelledCase, Image], tuple[Detection, ...]]
"""The marks on one case. Raises `AnalysisError` where the pack cannot read it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """unread: for each exam that could not be read the code that says why."""

    exams: tuple[Scored, ...]
    unread: tuple[str, ...]

    @property
    def fractured(self) -> int:
        """Exams with a fracture that were read."""
        return sum(exam.is_positive for exam in self.exams)

    @property
    def intact(self) -> int:
        """Exams without one that were read."""
        return len(self.exams) - self.fractured


def measure(
    labelled: LabelledSet, spec: PackSpec, read: Read, turned: Callable[[int], None]
) -> Measured:
    """Read every case of a set.

    turned: told after each case how many are done.

    Raises:
        LabelledSetError: a case is malformed; `labelled-set-other` where the set holds films and
            the pack reads volumes, or the other way round.
    """
    if labelled.image != spec.image:
        raise LabelledSetError("labelled-set-other", f"{labelled.image}s for {spec.name}")
    exams: list[Scored] = []
    unread: list[str] = []
    for number, case in enumerate(labelled.cases, start=1):
        loaded = case.load()
        try:
            marks = read(case, loaded.image)
        except AnalysisError as error:
            unread.append(error.code)
        else:
            exam = Exam(case.patient, case.name, loaded.lesions, marks, loaded.attributes)
            exams.append(score(exam, labelled.rule))
        turned(number)
    return Measured(tuple(exams), tuple(unread))
