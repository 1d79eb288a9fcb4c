"""The span of scores that an evaluation met, for the pack that was evaluated and for no other.

`scores.json` lies beside the report. What is within the span is as calibrated as the report says;
of a score outside of it the box says that it was not measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from appliance.evaluation import Scored, mark_outcomes
from appliance.inference.pack import Pack

FILE: Final = "scores.json"

Span = tuple[float, float]
"""Lowest and highest score of a mark, three decimals."""


def span_of(exams: Sequence[Scored]) -> Span | None:
    """The scores of all marks, right and wrong ones; None without any."""
    scores = [score for score, _ in mark_outcomes(exams)]
    if not scores:
        return None
    return round(min(scores), 3), round(max(scores), 3)


def write(folder: Path, pack: Pack, sections: Sequence[tuple[str, Sequence[Scored]]]) -> None:
    """Write `scores.json`. sections: title and exams, in the report's order."""
    content = {
        "made_by": made_by(pack),
        "sections": [
            {"title": title, "readings": len(exams), "scores": span_of(exams)}
            for title, exams in sections
        ],
    }
    (folder / FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read(folder: Path, pack: Pack) -> Span:
    """The span of the report's first section, the one that the pack's claims stand on.

    Raises:
        ValueError: it is of another network or reader, or met no score.
    """
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    if content["made_by"] != made_by(pack):
        raise ValueError("these scores are of another network or another reader")
    first = content["sections"][0]["scores"]
    if first is None:
        raise ValueError("no mark was scored in the first section")
    low, high = first
    return float(low), float(high)


def made_by(pack: Pack) -> dict[str, Any]:
    """What alone decides which scores come out: not the thresholds, nor any word of the card."""
    return {
        "network": hashlib.sha256(pack.network).hexdigest(),
        "reader": pack.spec.reader.model_dump(mode="json"),
    }
