"""Whether findings that hit are also named right: bone, side, rib number, type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from appliance.domain import Detection
from appliance.evaluation.matching import Scored


def named_right(attribute: str, threshold: float, scored: Sequence[Scored]) -> float:
    """Share of the lesions found whose highest mark names this attribute as the truth does.

    attribute: `bone`, `side`, `rib_number` or `type`. Lesions whose truth does not hold it are not
    counted; a mark that leaves it open is not right. NaN where nothing counts.
    """
    told = [
        name_of(lesion.mark, attribute) == lesion.lesion.attributes[attribute]
        for exam in scored
        for lesion in exam.lesions
        if lesion.mark is not None
        and lesion.score >= threshold
        and attribute in lesion.lesion.attributes
    ]
    return sum(told) / len(told) if told else float("nan")


def confusion(
    attribute: str, threshold: float, scored: Sequence[Scored]
) -> Counter[tuple[str, str]]:
    """How often a true name, first, was told as another, second; of the lesions found.

    attribute: as in `named_right`.
    """
    return Counter(
        (lesion.lesion.attributes[attribute], name_of(lesion.mark, attribute))
        for exam in scored
        for lesion in exam.lesions
        if lesion.mark is not None
        and lesion.score >= threshold
        and attribute in lesion.lesion.attributes
    )


def name_of(mark: Detection, attribute: str) -> str:
    """What the mark says of this attribute, spelled as in `Lesion.attributes`."""
    match attribute:
        case "bone":
            return mark.bone.value
        case "side":
            return mark.side.value
        case "type":
            return mark.type.value
        case "rib_number":
            return "" if mark.rib_number is None else str(mark.rib_number)
        case _:
            raise ValueError(f"marks do not name {attribute!r}")
