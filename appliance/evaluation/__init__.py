"""How good a detector is, as figures with intervals: pure functions over frozen values, numpy only.

What a caller does, for volumes and films alike:

    exams = [Exam(patient, name, lesions, marks), ...]      # truth, and what the detector marked
    scored = [score(exam, Within(15.0)) for exam in exams]  # `Overlap(0.5)` for boxes on films
    froc(scored).sensitivities                              # at 0.5, 1, 2, 4, 8 FP per exam
    interval(mean_sensitivity, scored)                      # 95 %, patients drawn anew
    for kind, part in by_lesion(scored, "type").items(): ...

Every figure takes a sequence of `Scored`, so that each of them works on a stratum and under the
bootstrap. A figure that cannot be told (no lesion, no intact exam) is NaN, never zero.
"""

from appliance.evaluation.calibration import (
    CalibrationBin,
    calibration_error,
    exam_outcomes,
    mark_outcomes,
    reliability,
)
from appliance.evaluation.cases import Exam, HitRule, Lesion, Overlap, Within
from appliance.evaluation.exams import (
    auc,
    sensitivity,
    specificity,
    threshold_for_specificity,
)
from appliance.evaluation.froc import (
    FALSE_POSITIVES,
    Froc,
    false_positives,
    froc,
    lesion_sensitivity,
    mean_sensitivity,
    sensitivity_at,
    threshold_for_false_positives,
)
from appliance.evaluation.intervals import Estimate, interval, intervals
from appliance.evaluation.matching import Scored, ScoredLesion, ScoredMark, score
from appliance.evaluation.naming import confusion, named_right
from appliance.evaluation.precision import average_precision, mark_precision, mark_recall
from appliance.evaluation.strata import by_exam, by_lesion
from appliance.evaluation.summary import TITLES, summary

__all__ = [
    "FALSE_POSITIVES",
    "TITLES",
    "CalibrationBin",
    "Estimate",
    "Exam",
    "Froc",
    "HitRule",
    "Lesion",
    "Overlap",
    "Scored",
    "ScoredLesion",
    "ScoredMark",
    "Within",
    "auc",
    "average_precision",
    "by_exam",
    "by_lesion",
    "calibration_error",
    "confusion",
    "exam_outcomes",
    "false_positives",
    "froc",
    "interval",
    "intervals",
    "lesion_sensitivity",
    "mark_outcomes",
    "mark_precision",
    "mark_recall",
    "mean_sensitivity",
    "named_right",
    "reliability",
    "score",
    "sensitivity",
    "sensitivity_at",
    "specificity",
    "summary",
    "threshold_for_false_positives",
    "threshold_for_specificity",
]
