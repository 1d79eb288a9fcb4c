"""What a check is given, and what it hands back to be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance import storage
from appliance.checks.kernel_clock import Discipline, discipline
from appliance.checks.result import CheckResult, skipped
from appliance.clock import Clock
from appliance.config.schema import Site


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The box and the machine under it, as the checks see them.

    free_bytes: what may still be written where a path lies. discipline: how well the kernel's
    clock is kept.
    """

    site: Site
    clock: Clock
    free_bytes: Callable[[Path], int] = storage.free_bytes
    discipline: Callable[[], Discipline] = discipline


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing to look at, by itself and beside all others.

    look: bounded in time by its own deadlines; an OsteonError that it raises is its failure.
    """

    name: str
    look: Callable[[], CheckResult]


def none_here(name: str) -> tuple[Probe, ...]:
    """For a kind of thing of which the site YAML names none: that is said, too."""
    return (Probe(name, lambda: skipped(name, "none in the site YAML")),)


Check = Callable[[Surroundings], tuple[Probe, ...]]
"""Which probes one kind of check makes of this site; at least one, so that nothing goes unsaid."""
