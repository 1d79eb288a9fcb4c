"""State in a pack's `pack.yaml` between which scores it was measured; sign the pack afterwards.

    python -m models.training.measured_scores models/NAME
    python -m models.training.measured_scores models/NAME --range 0.30 0.93

Without --range from `models/evaluation/NAME/scores.json`, which `models.training.evaluate` writes;
it must be of this very network and reader. The pack must open: sign it before, too.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.errors import PackError
from appliance.inference.manifest import Trust
from appliance.inference.pack_schema import parse_spec
from appliance.inference.package import DESCRIPTION, open_pack
from models.training.evaluate import scores

EVALUATION = Path(__file__).parents[1] / "evaluation"
_KEY = r"(?m)^{}:.*\n(?:[ \t].*\n)*"
"""A key at the margin, with what is indented below it."""


def stated(description: str, low: float, high: float) -> str:
    """`pack.yaml` with the range below its operating point; all else stays as it is written.

    Raises:
        ValueError: it has no operating point.
    """
    rest = re.sub(_KEY.format("measured_scores"), "", description)
    line = f"measured_scores: {{at_least: {low:.3f}, at_most: {high:.3f}}}\n"
    changed, places = re.subn(
        _KEY.format("operating_point"), lambda found: found.group() + line, rest
    )
    if places != 1:
        raise ValueError("pack.yaml has no operating point")
    return changed


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the range into the description."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pack", type=Path)
    parser.add_argument("--range", type=float, nargs=2, metavar=("LOW", "HIGH"))
    parser.add_argument("--evaluation", type=Path, default=EVALUATION)
    given = parser.parse_args(arguments)
    place = given.pack / DESCRIPTION
    try:
        if given.range:
            low, high = given.range
        else:
            pack = open_pack(given.pack, Trust.shipped())
            low, high = scores.read(given.evaluation / pack.identity.name, pack)
        changed = stated(place.read_text(encoding="utf-8"), low, high)
    except (OSError, ValueError, PackError) as error:
        sys.exit(f"no range: {error}")
    parse_spec(changed.encode())
    place.write_text(changed, encoding="utf-8")
    print(f"{low:.3f} to {high:.3f}; now sign: python -m models.training.sign {given.pack}")


if __name__ == "__main__":
    main()
