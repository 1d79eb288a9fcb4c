"""How the slices of one series stack, from position and orientation only. Pure.

File order, instance numbers and Slice Location are never believed. A stack is one regular grid or
it is refused with a reason: a gap that nobody sees would hide a fracture or move a rib.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.domain import FrameFacts, InstanceFacts, Reason, SliceStack, Vector

_LEAST_SLICES: Final = 5
_MOST_STRAYS: Final = 3
"""Frames of another orientation or size that are left out rather than the series refused..."""
_STRAY_SHARE: Final = 0.1
"""...as long as they are less than this share of the series."""
_SAME_PLACE_MM: Final = 0.01
_GAP_FACTOR: Final = 1.5
"""An interval longer than this many usual ones is a missing slice."""
_UNEVEN_FACTOR: Final = 0.1
"""Intervals that differ from the usual one by more than this are said on the result."""
_OFF_GRID_MM: Final = 2.0
"""How far a slice may lie from its place on the regular grid."""
_OFF_LINE_MM: Final = 1.0
"""How far a slice may lie beside the line of stacking."""
_TILT_NOTED: Final = 1.0
_TILT_REFUSED: Final = 30.0
_DIRECTION_TOLERANCE: Final = 2e-3
_SPACING_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class _Slice:
    """One frame that has all it needs to be stacked."""

    instance: InstanceFacts
    frame: FrameFacts
    position: Vector
    row: Vector
    column: Vector
    spacing: tuple[float, float]

    def is_like(self, other: _Slice) -> bool:
        """Whether both can be slices of one stack: same orientation, matrix, spacing and frame."""
        mine, theirs = self.instance, other.instance
        return (
            (mine.rows, mine.columns) == (theirs.rows, theirs.columns)
            and mine.frame_of_reference_uid == theirs.frame_of_reference_uid
            and np.allclose(self.spacing, other.spacing, rtol=_SPACING_TOLERANCE, atol=0)
            and np.allclose(self.row, other.row, rtol=0, atol=_DIRECTION_TOLERANCE)
            and np.allclose(self.column, other.column, rtol=0, atol=_DIRECTION_TOLERANCE)
        )

    @property
    def place(self) -> tuple[float, ...]:
        """Where it lies, to a tenth of a millimetre."""
        return tuple(round(part, 1) for part in self.position)


def stack(instances: Iterable[InstanceFacts]) -> SliceStack | Reason:
    """The slices of one series as one regular stack, or why they are none."""
    slices = _slices(instances)
    if isinstance(slices, Reason):
        return slices
    notes: list[Reason] = []
    distinct = list(
        {(one.instance.sop_instance_uid, one.frame.index): one for one in slices}.values()
    )
    if len(distinct) < len(slices):
        notes.append(Reason("duplicate-slices", str(len(slices) - len(distinct))))
    alike = _of_one_kind(distinct)
    if isinstance(alike, Reason):
        return alike
    kept = _of_one_acquisition(alike)
    if len(kept) < len(distinct):
        notes.append(Reason("frames-left-out", str(len(distinct) - len(kept))))
    normal = np.cross(np.array(kept[0].row, np.float64), kept[0].column)
    normal /= np.linalg.norm(normal)
    kept.sort(key=lambda one: float(np.dot(one.position, normal)))
    return _measured(kept, normal, notes)


def _slices(instances: Iterable[InstanceFacts]) -> list[_Slice] | Reason:
    slices: list[_Slice] = []
    for instance in instances:
        for frame in instance.frames:
            position, row = frame.position_lps_mm, frame.row_direction
            column, spacing = frame.column_direction, frame.pixel_spacing_mm
            if position is None or row is None or column is None or not _is_frame(row, column):
                return Reason("geometry-missing", "position or orientation")
            if spacing is None or min(spacing) <= 0:
                return Reason("geometry-missing", "pixel spacing")
            if frame.rescale_slope is None or frame.rescale_intercept is None:
                return Reason("rescale-invalid")
            slices.append(_Slice(instance, frame, position, row, column, spacing))
    if len(slices) < _LEAST_SLICES:
        return Reason("too-few-slices", str(len(slices)))
    return slices


def _is_frame(row: Vector, column: Vector) -> bool:
    """Whether these are two directions at right angles, both of length 1."""
    axes = np.array([row, column])
    return bool(np.abs(axes @ axes.T - np.eye(2)).max() < 1e-2)  # noqa: PLR2004 - rounding


def _of_one_kind(slices: Sequence[_Slice]) -> list[_Slice] | Reason:
    """The slices of the commonest kind, when the others are few strays."""
    kinds: list[list[_Slice]] = []
    for one in slices:
        kind = next((kind for kind in kinds if one.is_like(kind[0])), None)
        if kind is None:
            kinds.append([one])
        else:
            kind.append(one)
    largest = max(kinds, key=len)
    strays = len(slices) - len(largest)
    if strays > min(_MOST_STRAYS, _STRAY_SHARE * len(slices)):
        return Reason("mixed-orientations", f"{len(kinds)} kinds of slices")
    return largest


def _of_one_acquisition(slices: list[_Slice]) -> list[_Slice]:
    """The largest acquisition, when others cover the same places again (phases of one scan)."""
    if len({one.place for one in slices}) == len(slices):
        return slices
    acquisitions: defaultdict[int | None, list[_Slice]] = defaultdict(list)
    for one in slices:
        acquisitions[one.instance.acquisition_number].append(one)
    largest = max(acquisitions.values(), key=len)
    beyond = {one.place for one in slices} - {one.place for one in largest}
    return slices if len(beyond) > _MOST_STRAYS else largest


def _measured(
    slices: Sequence[_Slice], normal: NDArray[np.float64], notes: list[Reason]
) -> SliceStack | Reason:
    """The stack, when its slices lie on a regular grid."""
    if len(slices) < _LEAST_SLICES:
        return Reason("too-few-slices", str(len(slices)))
    grid = _Grid.of(np.array([one.position for one in slices]), normal)
    fault = grid.fault()
    if fault is not None:
        return fault
    known = [one.frame.slice_thickness_mm or 0.0 for one in slices]
    thickness = float(np.median(known))
    return SliceStack(
        spooled_ids=tuple(one.instance.spooled_id for one in slices),
        frames=tuple(one.frame.index for one in slices),
        normal=(float(normal[0]), float(normal[1]), float(normal[2])),
        increment_mm=grid.usual_mm,
        thickness_mm=thickness if thickness > 0 else None,
        extent_mm=float(grid.steps_mm.sum()) + grid.usual_mm,
        tilt_degrees=grid.tilt_degrees,
        notes=(*notes, *grid.notes()),
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """How far ordered positions are from a regular grid. All in mm but the tilt.

    steps_mm: from slice to slice along the normal. off_grid_mm, off_line_mm: largest distance of a
    slice from its regular place, along the normal and beside it.
    """

    steps_mm: NDArray[np.float64]
    usual_mm: float
    off_grid_mm: float
    off_line_mm: float
    tilt_degrees: float

    @classmethod
    def of(cls, positions: NDArray[np.float64], normal: NDArray[np.float64]) -> _Grid:
        """positions: shape (slices, 3), in order along `normal`."""
        steps = np.diff(positions @ normal)
        line = positions[-1] - positions[0]
        off = positions - (positions[0] + np.linspace(0.0, 1.0, len(positions))[:, None] * line)
        along = off @ normal
        length = max(float(np.linalg.norm(line)), _SAME_PLACE_MM)
        cosine = float(np.clip(line @ normal / length, -1.0, 1.0))
        return cls(
            steps_mm=steps,
            usual_mm=float(np.median(steps)),
            off_grid_mm=float(np.abs(along).max()),
            off_line_mm=float(np.linalg.norm(off - np.outer(along, normal), axis=1).max()),
            tilt_degrees=float(np.degrees(np.arccos(cosine))),
        )

    def fault(self) -> Reason | None:
        """Why these slices are no regular stack; None when they are."""
        twice = int(np.count_nonzero(self.steps_mm < _SAME_PLACE_MM))
        gaps = int(np.count_nonzero(self.steps_mm > _GAP_FACTOR * self.usual_mm))
        widest = f"{gaps} gaps, widest {self.steps_mm.max():.1f} mm"
        checks = (
            (twice > 0, "duplicates-differ", str(twice)),
            (gaps > 0, "slices-missing", widest),
            (self.off_grid_mm > _OFF_GRID_MM, "slices-missing", f"{self.off_grid_mm:.1f} mm off"),
            (self.off_line_mm > _OFF_LINE_MM, "slices-not-aligned", f"{self.off_line_mm:.1f} mm"),
            (self.tilt_degrees > _TILT_REFUSED, "tilt-too-large", f"{self.tilt_degrees:.0f} deg"),
        )
        return next((Reason(code, detail) for holds, code, detail in checks if holds), None)

    def notes(self) -> tuple[Reason, ...]:
        """What of a regular stack the result should say."""
        uneven = np.abs(self.steps_mm - self.usual_mm).max() > _UNEVEN_FACTOR * self.usual_mm
        interval = f"{self.steps_mm.min():.2f} to {self.steps_mm.max():.2f} mm"
        checks = (
            (uneven, Reason("spacing-irregular", interval)),
            (
                self.tilt_degrees > _TILT_NOTED,
                Reason("gantry-tilted", f"{self.tilt_degrees:.0f} deg"),
            ),
        )
        return tuple(note for holds, note in checks if holds)
