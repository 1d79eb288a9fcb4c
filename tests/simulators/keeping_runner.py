"""The turn of a box that lets studies go, in a `stoppable` process. Words: its folder, the days.

As a module it is the warm process.
"""

from __future__ import annotations

from pathlib import Path

from tests.simulators.keeping import kept_box
from tests.simulators.stoppable import serve, stand_still


def _look(words: list[str]) -> int:
    folder, days = words
    with kept_box(Path(folder)) as box:
        box.pass_days(float(days))
        stand_still()
        box.look()
        box.look()
    return 0


if __name__ == "__main__":
    serve(_look)
