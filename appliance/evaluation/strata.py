"""Parts of a set of exams: by what the lesions are, or by what the exams are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from appliance.evaluation.matching import Scored


def by_lesion(scored: Sequence[Scored], attribute: str) -> dict[str, tuple[Scored, ...]]:
    """For each value of a lesion's attribute: all exams, with only those lesions.

    Exams and false positives stay whole, so that "at 1 false positive per exam" is the same
    threshold in each stratum. Lesions without the attribute stand under "". Values are sorted.
    """
    values = {
        lesion.lesion.attributes.get(attribute, "") for exam in scored for lesion in exam.lesions
    }
    return {
        value: tuple(
            replace(
                exam,
                lesions=tuple(
                    lesion
                    for lesion in exam.lesions
                    if lesion.lesion.attributes.get(attribute, "") == value
                ),
            )
            for exam in scored
        )
        for value in sorted(values)
    }


def by_exam(scored: Sequence[Scored], attribute: str) -> dict[str, tuple[Scored, ...]]:
    """For each value of an exam's attribute: those exams. Values are sorted."""
    values = sorted({exam.attributes.get(attribute, "") for exam in scored})
    return {
        value: tuple(exam for exam in scored if exam.attributes.get(attribute, "") == value)
        for value in values
    }
