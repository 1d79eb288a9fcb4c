"""All figures of a detector on one set, under names that reports and acceptance share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from appliance.evaluation.exams import auc, sensitivity, specificity
from appliance.evaluation.froc import FALSE_POSITIVES, false_positives, froc, lesion_sensitivity
from appliance.evaluation.intervals import Estimate, intervals
from appliance.evaluation.matching import Scored
from appliance.evaluation.precision import average_precision

TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "froc-mean": "mean sensitivity, 0.5 to 8 FP per exam",
        **{f"froc-{rate:g}": f"sensitivity at {rate:g} FP per exam" for rate in FALSE_POSITIVES},
        "ap": "average precision of the boxes",
        "auc": "AUC of exams",
        **{
            f"{name}-{point}": f"{title}, {point} point"
            for point in ("report", "alert")
            for name, title in (
                ("lesions", "fractures found"),
                ("false", "false positives per exam"),
                ("sensitivity", "exams: sensitivity"),
                ("specificity", "exams: specificity"),
            )
        },
    }
)
"""Name of each figure → what it says. FP: false positives."""


def summary(scored: Sequence[Scored], *, report: float, alert: float) -> dict[str, Estimate]:
    """Every figure of `TITLES` with its interval.

    report, alert: the pack's operating point. Rates per exam count all exams, intact or not.
    """

    def figures(drawn: Sequence[Scored]) -> Mapping[str, float]:
        curve = froc(drawn)
        told = {"froc-mean": curve.mean}
        told |= {f"froc-{rate:g}": value for rate, value in curve.sensitivities.items()}
        told |= {"ap": average_precision(drawn), "auc": auc(drawn)}
        for point, threshold in (("report", report), ("alert", alert)):
            told[f"lesions-{point}"] = lesion_sensitivity(threshold, drawn)
            told[f"false-{point}"] = false_positives(threshold, drawn)
            told[f"sensitivity-{point}"] = sensitivity(threshold, drawn)
            told[f"specificity-{point}"] = specificity(threshold, drawn)
        return told

    return intervals(figures, scored)
