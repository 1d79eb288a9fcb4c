"""The menu's check: each result as it comes."""

from __future__ import annotations

from appliance.checks.probe import Surroundings
from appliance.checks.result import CheckResult, CheckState, worst
from appliance.checks.run import probes, run
from appliance.cli.checking import keep
from appliance.cli.options import site_of
from appliance.cli.technician.box import Box
from appliance.clock import SystemClock
from appliance.provision.last_check import CheckKind
from appliance.screen.session import Dialogue


def check(box: Box, dialogue: Dialogue) -> None:
    """What `osteon check` looks at."""
    around = Surroundings(site_of(box.config), SystemClock())
    results = []
    for _, result in run(probes(around), around.clock):
        results.append(result)
        dialogue.say(_told(result))
    keep(around, CheckKind.LIVE, results)
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
    hint = f"\n  to do: {result.hint}" if result.hint else ""
    return f"[{result.state.value}] {result.name}: {result.found}{hint}"
