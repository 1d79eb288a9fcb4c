"""Runs probes beside one another: each gives exactly one result, and all of them within a deadline.

A probe has deadlines of its own; one that hangs all the same is left behind in its thread, which
dies with the command.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from appliance.checks import REGISTRY
from appliance.checks.probe import Probe, Surroundings
from appliance.checks.result import CheckResult, failed
from appliance.clock import Clock
from appliance.errors import CheckError, OsteonError

WITHIN_S: Final = 20.0

Place = int
"""Which probe a result belongs to."""


def probes(around: Surroundings) -> tuple[Probe, ...]:
    """All probes of all checks, in the order of the registry."""
    return tuple(probe for check in REGISTRY.values() for probe in check(around))


def run(
    wanted: Sequence[Probe], clock: Clock, within_s: float = WITHIN_S
) -> Iterator[tuple[Place, CheckResult]]:
    """Each probe's result as it comes; after `within_s` seconds those that are late have failed."""
    results: queue.SimpleQueue[tuple[Place, CheckResult]] = queue.SimpleQueue()
    began = clock.monotonic()
    for place, probe in enumerate(wanted):
        threading.Thread(
            target=lambda place=place, probe=probe: results.put((place, _look(probe, clock))),
            name=probe.name,
            daemon=True,
        ).start()
    missing = set(range(len(wanted)))
    while missing:
        left = began + within_s - clock.monotonic()
        try:
            place, result = results.get(timeout=max(0.0, left))
        except queue.Empty:
            break
        missing.remove(place)
        yield place, result
    for place in sorted(missing):
        late = CheckError("check-timeout", f"{within_s:g} s")
        yield place, replace(failed(wanted[place].name, late), seconds=within_s)


def _look(probe: Probe, clock: Clock) -> CheckResult:
    began = clock.monotonic()
    try:
        result = probe.look()
    except OsteonError as error:
        result = failed(probe.name, error)
    except PermissionError:
        result = failed(probe.name, CheckError("check-not-allowed"))
    except Exception as error:  # noqa: BLE001 - the boundary of all checks: told as a failure
        # Only the type's name: a library's text may quote what it was given.
        result = failed(probe.name, CheckError("check-crashed", type(error).__name__))
    return replace(result, seconds=round(clock.monotonic() - began, 3))
