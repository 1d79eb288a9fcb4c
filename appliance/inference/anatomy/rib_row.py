"""Which pieces of bone beside the spine are its row of ribs: one below the other, evenly. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.inference.anatomy.posterior_ribs import Piece

READ_AT_MM = 50.0
"""How far from the canal neighbours are compared: there is nothing else than ribs."""
APART_MM = (13.0, 50.0)
"""Of neighbours, along the canal."""
DEEP_APART_MM = 15.0
FIRST_APART_MM = (2.0, 32.0)
FIRST_IN_FRONT_MM = (17.0, 50.0)
"""The first rib turns forwards at once: so far it lies in front of the second."""
DEEPEST_MM = 45.0
FORWARD_MM = 30.0
"""No rib but the first lies further back, or further in front of the canal, than this."""
REACHES_MM, SPANS_MM, FIRST_SPANS_MM = 56.0, 20.0, 14.0
"""A transverse process ends before it."""
INNER_MM = 38.0
"""There the space below the last rib is measured: further out, ribs hang down."""
SPACE_BELOW = 1.35
"""Times the distance of the last two ribs: so much spine must be seen below the last."""


def is_first_below(upper: Piece, lower: Piece) -> bool:
    """Whether the upper one lies to the lower one as a first rib to a second."""
    above, behind = _difference(upper, lower)
    return upper.span_mm >= FIRST_SPANS_MM and (
        FIRST_APART_MM[0] <= above <= FIRST_APART_MM[1]
        and FIRST_IN_FRONT_MM[0] <= behind <= FIRST_IN_FRONT_MM[1]
    )


def is_last_above(ribs: Sequence[Piece], found: Sequence[Piece]) -> bool:
    """Whether below the last of a row one more rib would be seen, and nothing like it is.

    A short piece where it would be, be it a small rib or a large transverse process, leaves it
    open: many people have one pair of ribs more or less than twelve.
    """
    if not ribs[1:]:
        return False
    along, deep = ribs[-1].at(INNER_MM)
    apart = ribs[-2].at(INNER_MM)[0] - along
    if along < SPACE_BELOW * apart:
        return False
    for piece in found:
        its_along, its_deep = piece.at(INNER_MM)
        is_below = 0.5 * apart < along - its_along < 1.5 * apart
        begins = piece.aside_mm[0] <= INNER_MM
        if is_below and begins and abs(its_deep - deep) <= DEEP_APART_MM:
            return False
    return True


def row(found: Sequence[Piece]) -> tuple[Piece, ...]:
    """The longest row, uppermost first; it begins with a first rib where there is one.

    Of all chains of neighbours that one is taken whose pieces reach furthest in sum.
    """
    ribs = sorted(filter(_may_be_rib, found), key=lambda piece: piece.at(READ_AT_MM)[0])
    best: list[tuple[float, int | None]] = []
    for number, upper in enumerate(ribs):
        below = [
            (best[other][0], other)
            for other, lower in enumerate(ribs[:number])
            if _are_neighbours(upper, lower)
        ]
        total, other = max(below, default=(0.0, -1))
        best.append((total + upper.span_mm, other if below else None))
    if not ribs:
        return ()
    chain = []
    rib: int | None = max(range(len(ribs)), key=lambda each: best[each][0])
    while rib is not None:
        chain.append(ribs[rib])
        rib = best[rib][1]
    return _first_before(chain, found)


def _first_before(chain: list[Piece], found: Sequence[Piece]) -> tuple[Piece, ...]:
    firsts = [piece for piece in found if is_first_below(piece, chain[0])]
    return (*sorted(firsts, key=lambda piece: -piece.span_mm)[:1], *chain)


def _may_be_rib(piece: Piece) -> bool:
    _, deep = piece.at(READ_AT_MM)
    reaches = piece.aside_mm[-1] >= REACHES_MM and piece.span_mm >= SPANS_MM
    return bool(reaches and -FORWARD_MM <= deep <= DEEPEST_MM)


def _are_neighbours(upper: Piece, lower: Piece) -> bool:
    above, behind = _difference(upper, lower)
    return APART_MM[0] <= above <= APART_MM[1] and abs(behind) <= DEEP_APART_MM


def _difference(upper: Piece, lower: Piece) -> tuple[float, float]:
    """How far above, and how far in front, the upper one lies."""
    (upper_along, upper_deep), (lower_along, lower_deep) = (
        piece.at(READ_AT_MM) for piece in (upper, lower)
    )
    return upper_along - lower_along, lower_deep - upper_deep
