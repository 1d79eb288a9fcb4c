"""Wiping a box with 2,000 studies: how long until no key is left, and until all of it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from appliance.wipe.journal import Journal, Phase
from tests.simulators.wiping import filled_box

Figure = tuple[str, str, str]
"""(what, measured, required)."""

_STUDIES = 2000
_IMAGES = 4


def measure(folder: Path) -> Iterator[Figure]:
    """Both figures, of one wipe of a plain installation, from the durable intent on."""
    box = filled_box(folder / "box", studies=_STUDIES, images=_IMAGES)
    done = box.wipe("--operator", "bench", "--serial", box.serial)
    assert done.returncode == 0, done.stderr
    records = {record.phase: record for record in Journal(box.journal).records()}
    began = records[Phase.STATEMENT].at
    keys, end = records[Phase.KEYS], records[Phase.IDENTITY]
    yield (
        f"a box with {_STUDIES:,} studies is wiped: no key is left after",
        f"{keys.at + keys.took - began:.1f} s",
        "≤ 5 s",
    )
    yield "and all of it is gone after", f"{end.at + end.took - began:.1f} s", "≤ 60 s"
