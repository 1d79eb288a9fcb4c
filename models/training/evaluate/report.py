"""The report of one pack, as Markdown with plots; every figure says what it stands on."""

from __future__ import annotations

import math
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from appliance.evaluation import (
    TITLES,
    Estimate,
    Scored,
    auc,
    average_precision,
    by_exam,
    by_lesion,
    calibration_error,
    confusion,
    exam_outcomes,
    false_positives,
    froc,
    intervals,
    lesion_sensitivity,
    mark_outcomes,
    mark_precision,
    mark_recall,
    mean_sensitivity,
    named_right,
    reliability,
    sensitivity,
    sensitivity_at,
    specificity,
    summary,
)
from appliance.inference.pack import Pack
from models.training.evaluate.cases import Origin, Section
from models.training.evaluate.plots import froc_plot, reliability_plot, sheet
from models.training.evaluate.reading import FLOAT32, OTHER, Readings, Unread
from models.training.evaluate.thumbnails import Kind

EXAMPLES = 10
FEW = 12
"""So many are named, one by one."""
Figure = Callable[[Sequence[Scored]], float]
NAMES = ("bone", "side", "rib_number", "type")


def shown(estimate: Estimate) -> str:
    """A figure with its 95 % interval."""
    if math.isnan(estimate.value):
        return "-"
    if math.isnan(estimate.low):
        return f"{estimate.value:.2f} (no interval)"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def header(pack: Pack, sample: int | None) -> Iterator[str]:
    """What was measured, and how to do it again."""
    point = pack.spec.operating_point
    yield f"# {pack.identity.name} {pack.identity.version}, measured\n"
    yield "Investigational, not for diagnosis. Made by `make evaluate`; do not edit.\n"
    yield (
        f"Manifest `{pack.identity.digest}`, opened, verified and run as on a box: its signature, "
        "its golden cases, its reader in the inference child, OpenVINO on the CPU. "
        f"Operating point: report {point.report:g}, alert {point.alert:g}. Intervals are 95 %, by "
        "bootstrap over patients (1,000 draws, seeded).\n"
    )
    if sample is not None:
        yield f"**Only a sample: the first {sample} cases of each section.**\n"


def section(pack: Pack, of: Section, readings: Readings, folder: Path) -> Iterator[str]:
    """One section, with its plots and pictures written to the folder."""
    exams = readings.exams()
    slug = "-".join("".join(c if c.isalnum() else " " for c in of.title.lower()).split())
    yield f"## {of.title}\n"
    yield f"**{of.origin.value.capitalize()}.** {of.note}\n"
    yield from _counts(exams, readings)
    if of.origin is Origin.INTACT:
        yield from _intact(pack, exams)
        yield from _pictures(readings, folder, slug)
        return
    point = pack.spec.operating_point
    figures = summary(exams, report=point.report, alert=point.alert)
    if pack.spec.image == "volume":
        figures.pop("ap")
    yield from _table(
        ("figure", "value (95 % interval)"),
        [(TITLES[name], shown(estimate)) for name, estimate in figures.items()],
    )
    yield from _false_positives_on_intact(pack, exams)
    yield from _named(pack, exams)
    yield from _types(pack, exams)
    for attribute in of.lesion_strata:
        yield f"### By {attribute} of the fracture\n"
        yield from _strata(by_lesion(exams, attribute), _of_lesions(pack))
    for attribute in of.exam_strata:
        yield f"### By {attribute.replace('_', ' ')}\n"
        yield from _strata(by_exam(exams, attribute), _of_exams(pack))
    if of.published:
        yield from _boxes(pack, of, exams)
    yield from _plots(of, exams, folder, slug)
    yield from _pictures(readings, folder, slug)
    yield from _runtimes(pack, readings)


def cross_validated(pack: Pack, folds: Mapping[str, Sequence[Scored]]) -> Iterator[str]:
    """All folds together: each patient read by a network that never saw them."""
    exams = [exam for fold in folds.values() for exam in fold]
    names = ", ".join(
        f"{', '.join(sorted({exam.patient for exam in fold}))} (fold {name})"
        for name, fold in folds.items()
    )
    yield "## Cross-validated by patient\n"
    yield (
        "The sections above together, each patient read by a network that never saw them: "
        f"{names}. Marks of both networks are ranked together, as chances: each network's scores "
        "are calibrated on patients of whom neither learnt.\n"
    )
    figures = _of_lesions(pack)
    yield from _strata({"all": exams, **by_lesion(exams, "type")}, figures)
    yield from _strata(by_lesion(exams, "type and slices"), figures)
    yield "### By patient\n"
    patients = sorted({exam.patient for exam in exams})
    of_each = {each: [exam for exam in exams if exam.patient == each] for each in patients}
    yield from _strata(of_each, figures)
    yield from _false_positives_on_intact(pack, exams)


def _counts(exams: Sequence[Scored], readings: Readings) -> Iterator[str]:
    positive = sum(exam.is_positive for exam in exams)
    lesions = sum(len(exam.lesions) for exam in exams)
    patients = len({exam.patient for exam in exams})
    yield (
        f"{len(exams)} readings of {patients} patients: {positive} with {lesions} fractures, "
        f"{len(exams) - positive} intact.\n"
    )
    if patients == 1:
        yield "All of them are of one patient: nothing can be said of other patients.\n"
    if readings.refused:
        yield _refused(readings.refused)


def _refused(refused: Sequence[Unread]) -> str:
    """How many were not read, and why; by name where there are few."""
    positive = sum(each.is_positive for each in refused)
    codes = Counter(each.code for each in refused)
    told = ", ".join(f"{count} {code}" for code, count in codes.most_common())
    names = ", ".join(each.name for each in refused) if len(refused) <= FEW else ""
    return (
        f"Refused by the box, aloud, and in no figure: {told}{f' ({names})' if names else ''}; "
        f"{positive} of them with a fracture.\n"
    )


def _intact(pack: Pack, exams: Sequence[Scored]) -> Iterator[str]:
    alert = pack.spec.operating_point.alert
    alerting = sum(exam.score >= alert for exam in exams)
    yield f"**{alerting} of {len(exams)} alert.**\n"
    yield from _table(
        ("film", "highest score"), [(exam.name, f"{exam.score:.2f}") for exam in exams]
    )


def _false_positives_on_intact(pack: Pack, exams: Sequence[Scored]) -> Iterator[str]:
    intact = [exam for exam in exams if not exam.is_positive]
    if not intact:
        return
    point = pack.spec.operating_point
    marks = {
        name: [sum(each.mark.score >= score for each in exam.marks) for exam in intact]
        for name, score in (("report", point.report), ("alert", point.alert))
    }
    yield (
        f"On the {len(intact)} intact readings alone: {np.mean(marks['report']):.2f} marks each at "
        f"the report point, {np.mean(marks['alert']):.2f} at the alert point.\n"
    )


def _named(pack: Pack, exams: Sequence[Scored]) -> Iterator[str]:
    """How many of the fractures found are also named right, where the truth is known."""
    report = pack.spec.operating_point.report
    known = {n for exam in exams for each in exam.lesions for n in each.lesion.attributes}
    told = intervals(
        lambda drawn: {name: named_right(name, report, drawn) for name in NAMES if name in known},
        exams,
    )
    rows = [(name.replace("_", " "), shown(each)) for name, each in told.items()]
    if rows and pack.spec.image == "volume":
        yield "### Of the fractures found: named right\n"
        yield from _table(("what", "share (95 % interval)"), rows)


def _types(pack: Pack, exams: Sequence[Scored]) -> Iterator[str]:
    """Of the fractures found: each true type beside the type that was told."""
    told = confusion("type", pack.spec.operating_point.report, exams)
    if not told or pack.spec.image != "volume":
        return
    columns = sorted({name for _, name in told})
    rows = [
        (true, *(str(told[true, name]) for name in columns))
        for true in sorted({true for true, _ in told})
    ]
    yield "### Types: true (rows) and told (columns), of the fractures found\n"
    yield from _table(("", *columns), rows)


def _of_lesions(pack: Pack) -> dict[str, Figure]:
    """What is told of each kind of fracture."""
    point = pack.spec.operating_point
    return {
        "at 1 FP per exam": partial(sensitivity_at, 1.0),
        "mean, 0.5 to 8 FP": mean_sensitivity,
        "at report": partial(lesion_sensitivity, point.report),
        "at alert": partial(lesion_sensitivity, point.alert),
    }


def _of_exams(pack: Pack) -> dict[str, Figure]:
    """What is told of each kind of exam."""
    point = pack.spec.operating_point
    return {
        "mean sensitivity": mean_sensitivity,
        "FP at report": partial(false_positives, point.report),
        "AUC": auc,
        "exams: sensitivity at alert": partial(sensitivity, point.alert),
        "exams: specificity at alert": partial(specificity, point.alert),
    }


def _boxes(pack: Pack, of: Section, exams: Sequence[Scored]) -> Iterator[str]:
    """The measure of published detectors, all together and by the first attribute of exams."""
    point = pack.spec.operating_point
    figures: dict[str, Figure] = {"box mAP50": average_precision}
    for name, score in (("report", point.report), ("alert", point.alert)):
        figures[f"precision at {name}"] = partial(mark_precision, score)
        figures[f"recall at {name}"] = partial(mark_recall, score)
    parts = {"all": exams}
    for attribute in of.exam_strata[:1]:
        parts |= by_exam(exams, attribute)
    yield "### Boxes, beside what was published\n"
    yield f"{of.published}\n"
    yield from _strata(parts, figures)


def _strata(parts: Mapping[str, Sequence[Scored]], figures: dict[str, Figure]) -> Iterator[str]:
    rows = []
    for value, part in parts.items():
        told = intervals(partial(_each, figures), part)
        fractures = sum(len(exam.lesions) for exam in part)
        rows.append(
            (value or "not told", str(len(part)), str(fractures), *map(shown, told.values()))
        )
    yield from _table(("", "readings", "fractures", *figures), rows)


def _each(figures: Mapping[str, Figure], scored: Sequence[Scored]) -> dict[str, float]:
    return {name: figure(scored) for name, figure in figures.items()}


def _plots(of: Section, exams: Sequence[Scored], folder: Path, slug: str) -> Iterator[str]:
    curves = {"all": froc(exams)}
    for attribute in of.lesion_strata[:1]:
        curves |= {value: froc(part) for value, part in by_lesion(exams, attribute).items()}
    froc_plot(curves, folder / f"{slug}-froc.png", origin=of.origin.value)
    bars = {
        "marks": reliability(mark_outcomes(exams)),
        "exams": reliability(exam_outcomes(exams)),
    }
    reliability_plot(bars, folder / f"{slug}-reliability.png", origin=of.origin.value)
    errors = {name: calibration_error(bins) for name, bins in bars.items()}
    yield f"![FROC]({slug}-froc.png)\n"
    yield f"![Reliability]({slug}-reliability.png)\n"
    scores = [score for score, _ in mark_outcomes(exams)]
    if scores:
        yield (
            f"Scores between {min(scores):.2f} and {max(scores):.2f} occurred; what one outside of "
            "them means was not measured.\n"
        )
    yield (
        f"Expected calibration error: marks {errors['marks']:.2f}, exams {errors['exams']:.2f} "
        "(0: scores are probabilities on these data, with their share of fractures).\n"
    )


def _pictures(readings: Readings, folder: Path, slug: str) -> Iterator[str]:
    for kind in Kind:
        chosen = sorted(
            (each for each in readings.thumbnails if each.kind is kind), key=lambda t: -t.score
        )
        if not chosen:
            continue
        step = max(1, len(chosen) // EXAMPLES)
        spread = chosen[:EXAMPLES] if kind is Kind.FALSE_ALARM else chosen[::step][:EXAMPLES]
        name = f"{slug}-{kind.value.replace(' ', '-')}.png"
        sheet(spread, folder / name)
        which = "the highest" if kind is Kind.FALSE_ALARM else "spread over the scores"
        yield f"### {kind.value.capitalize()}: {len(spread)} of {len(chosen)}, {which}\n"
        yield f"Green: true; amber: marked (of a miss: too low).\n\n![{kind.value}]({name})\n"


def _runtimes(pack: Pack, readings: Readings) -> Iterator[str]:
    yield "### Runtimes\n"
    rows = []
    for way in readings.by_way:
        seconds = [each.seconds for each in readings.by_way[way]]
        if seconds:
            middle, most = np.median(seconds), max(seconds)
            rows.append((way, str(len(seconds)), f"{middle:.2f} s", f"{most:.2f} s"))
    yield from _table(("way", "readings", "median", "longest"), rows)
    yield f"On {_processor()}; the machine may have been busy with other work.\n"
    main, other = readings.exams(), readings.exams(OTHER)
    if other:
        gaps = [abs(a.score - b.score) for a, b in zip(main, other, strict=False)]
        yield (
            f"OpenVINO against ONNX Runtime: exam scores differ by {np.mean(gaps):.3f} on average, "
            f"at most {max(gaps):.3f} ({len(gaps)} readings).\n"
        )
    if full := readings.exams(FLOAT32):
        gain = mean_sensitivity(full) - mean_sensitivity(main)
        yield (
            f"Float32 before quantization: mean sensitivity {mean_sensitivity(full):.3f}; INT8 "
            f"{mean_sensitivity(main):.3f}, which loses {gain:.3f}.\n"
        )
        alert = pack.spec.operating_point.alert
        agree = np.mean(
            [(a.score >= alert) == (b.score >= alert) for a, b in zip(main, full, strict=True)]
        )
        yield f"INT8 and float32 agree on whether to alert in {agree:.1%} of the readings.\n"
        if pack.spec.image == "volume":
            yield from _lost_by_type(main, full)


def _lost_by_type(main: Sequence[Scored], full: Sequence[Scored]) -> Iterator[str]:
    """What quantization costs, type by type."""
    in_float = by_lesion(full, "type")
    rows = []
    for kind, part in by_lesion(main, "type").items():
        before, after = mean_sensitivity(in_float[kind]), mean_sensitivity(part)
        rows.append((kind, f"{before:.3f}", f"{after:.3f}", f"{before - after:+.3f}"))
    yield from _table(("mean sensitivity", "float32", "INT8", "lost"), rows)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else platform.machine()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield (
        "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)) + "\n"
    )
