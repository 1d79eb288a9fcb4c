"""Looking whether it is gone, and saying what cannot be looked at from here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from appliance.wipe.journal import Evidence, Mark, Result
from appliance.wipe.luks import why_it_opens
from appliance.wipe.marks import marks_left
from appliance.wipe.plan import Medium, WipePlan
from appliance.wipe.programs import Programs


def verify(plan: WipePlan, marks: Sequence[Mark], programs: Programs) -> Iterator[Evidence]:
    """One evidence for each thing that must be gone, and for each that cannot be verified."""
    for key in plan.keys:
        yield _gone(f"{key.what} is gone", Path(key.path))
    for volume in plan.volumes:
        opening = why_it_opens(volume, programs)
        yield _checked(f"{volume.device} does not open again", opening)
        node = Path("/dev/mapper", volume.mapping)
        if volume.mapping and node.exists():
            yield _checked(f"{volume.device} is closed", "it is still mapped")
    for medium in plan.media:
        yield _erased(medium, marks, programs) if medium.target else _not_erased(medium)
    for place in (*plan.folders, *plan.files):
        yield _gone(f"{place} is gone", Path(place))
    yield Evidence(
        "spare and worn-out blocks of flash",
        Result.NOT_POSSIBLE,
        "no command of the operating system reads them",
    )


def _gone(what: str, place: Path) -> Evidence:
    if not os.path.lexists(place):
        return Evidence(what, Result.DONE)
    # A mount point stays, and systemd makes the empty state folder anew at each boot: what must be
    # gone is what was in it.
    is_empty = place.is_dir() and not place.is_symlink() and not any(place.iterdir())
    return _checked(what, "" if is_empty else "it is still there")


def _erased(medium: Medium, marks: Sequence[Mark], programs: Programs) -> Evidence:
    what = f"{medium.target} holds nothing of before"
    try:
        left, count = marks_left(marks, medium.target, programs)
    except OSError as error:
        return _checked(what, f"it cannot be read: {error.strerror}")
    if not count:
        return _checked(what, "no marks could be set before it was erased")
    return Evidence(
        what,
        Result.FAILED if left else Result.DONE,
        f"{left} of {count} marks are still there" if left else f"none of {count} marks is left",
    )


def _not_erased(medium: Medium) -> Evidence:
    return Evidence(
        f"what files of before left on {medium.disk}",
        Result.NOT_POSSIBLE,
        "the disk also holds the operating system: keys, ledgers and settings were overwritten, "
        "sealed images only deleted, and its free space was left",
    )


def _checked(what: str, trouble: str) -> Evidence:
    return Evidence(what, Result.FAILED if trouble else Result.DONE, trouble)
