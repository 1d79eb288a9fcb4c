"""What the technician reads about one code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, in one sentence, and what to do, in one or two."""

    meaning: str
    hint: str
