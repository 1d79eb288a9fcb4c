"""The menu's two checks: each result as it comes."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.checks.journey import travel
from appliance.checks.probe import Surroundings
from appliance.checks.result import CheckResult, CheckState, worst
from appliance.checks.run import probes, run
from appliance.cli.checking import WITHIN_S, keep
from appliance.cli.options import site_of
from appliance.cli.technician.box import Box
from appliance.clock import SystemClock
from appliance.error_catalogue.at_screen import hint_at_screen
from appliance.provision.last_check import CheckKind
from appliance.screen.session import Dialogue


def check(box: Box, dialogue: Dialogue) -> None:
    """What `osteon check` looks at."""
    around = Surroundings(site_of(box.config), SystemClock())
    found = (result for _, result in run(probes(around), around.clock))
    _tell(dialogue, around, CheckKind.LIVE, found)


def prove(box: Box, dialogue: Dialogue) -> None:
    """What `osteon check --end-to-end` does."""
    around = Surroundings(site_of(box.config), SystemClock())
    dialogue.say("A made-up study goes through the box. Those whom an alert would reach first")
    dialogue.say("get a test mail and a test page, marked as such.")
    _tell(dialogue, around, CheckKind.END_TO_END, travel(around, WITHIN_S))


def _tell(
    dialogue: Dialogue, around: Surroundings, kind: CheckKind, found: Iterable[CheckResult]
) -> None:
    results = []
    for result in found:
        results.append(result)
        dialogue.say(_told(result))
    keep(around, kind, results)
    state = worst(results)
    count = sum(result.state is state for result in results)
    match state:
        case CheckState.FAILED:
            dialogue.say(f"{count} FAILED.")
        case CheckState.WARNING:
            dialogue.say(f"Works, with {count} warnings.")
        case _:
            dialogue.say("All is well.")


def _told(result: CheckResult) -> str:
    own = hint_at_screen(result.code) if result.hint else ""
    hint = f"\n  to do: {own or result.hint}" if result.hint else ""
    return f"[{result.state.value}] {result.name}: {result.found}{hint}"
